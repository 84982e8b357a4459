#pragma once

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "attune/core.hpp"

namespace attune::test {

inline SearchSpace plane() {
    SearchSpace space;
    (void)space.continuous("x", -1, 1);
    (void)space.integer("n", 1, 5);
    return space;
}

/// 6 configurations.
inline SearchSpace small() {
    SearchSpace space;
    (void)space.integer("n", 1, 3);
    (void)space.categorical("flag", {false, true});
    return space;
}

inline double cost_of(const Trial& trial) {
    double sum = 0;
    for (const double u : trial.configuration().encoded()) sum += u * u;
    return sum;
}

/// Seconds that go on by one at every look.
struct Ticking {
    std::shared_ptr<double> now = std::make_shared<double>(1000);
    double operator()() const { return ++*now; }
};

inline std::vector<std::string> configurations(const Study& study) {
    std::vector<std::string> out;
    for (const TrialRecord& trial : study.trials()) out.push_back(trial.configuration.text());
    return out;
}

/// Numbers dense, every trial with an end.
inline void check_whole(const Study& study, std::size_t trials) {
    REQUIRE(study.trials().size() == trials);
    for (std::size_t i = 0; i < trials; ++i) {
        CHECK(study.trials()[i].number == static_cast<std::int64_t>(i));
        CHECK(study.trials()[i].finished());
    }
}

}  // namespace attune::test
