#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/study/study.hpp"

namespace attune::test {

/// A study that is written event by event.
class StudyScript {
  public:
    Study study;

    StudyScript(SearchSpace space, std::vector<Objective> objectives,
                event::FinalValue final_value = event::FinalValue::best_report, std::uint64_t seed = 1,
                std::vector<OutcomeConstraint> outcome_constraints = {}) {
        apply(event::Created{"script",
                             seed,
                             std::move(space),
                             std::move(objectives),
                             final_value,
                             {},
                             {},
                             std::move(outcome_constraints)},
              0);
    }
    StudyScript(SearchSpace space, Objective objective,
                event::FinalValue final_value = event::FinalValue::best_report, std::uint64_t seed = 1)
        : StudyScript(std::move(space), std::vector<Objective>{std::move(objective)}, final_value, seed) {}

    void apply(EventBody body, double seconds) { study.apply({seconds, std::move(body)}); }

    /// The next trial, of a space with the one parameter `x`.
    void ask(double x, double seconds) {
        ask_as(static_cast<std::int64_t>(study.trials().size()), x, seconds);
    }
    void ask_as(std::int64_t number, double x, double seconds) {
        event::Suggested suggested;
        suggested.trial = number;
        suggested.configuration = {{"x", x}};
        suggested.view = study.position();
        apply(std::move(suggested), seconds);
    }
    void report(std::int64_t trial, double step, double value, double seconds) {
        apply(event::Reported{trial, step, {{study.objective().metric, value}}}, seconds);
    }
    void tell(std::int64_t trial, double value, double seconds, TrialState state = TrialState::completed) {
        apply(event::Finished{trial, state, {{study.objective().metric, value}}, {}, "", {}, {}, {}},
              seconds);
    }
    void fail(std::int64_t trial, FailureKind kind, double seconds, Metrics metrics = {}) {
        apply(event::Finished{trial, TrialState::failed, std::move(metrics), kind, "because", {}, {}, {}},
              seconds);
    }
};

/// A space with everything in it: scales, steps, conditions, a constraint, a one-point range, a single
/// choice.
inline SearchSpace mixed_space() {
    SearchSpace space;
    (void)space.continuous("lr", 1e-4, 1, Scale::log);
    (void)space.continuous("dropout", 0.05, 0.95, Scale::logit);
    (void)space.continuous("momentum", 0.1, 0.999, Scale::reverse_log);
    (void)space.continuous("share", 0, 1).step(0.1);
    auto batch = space.integer("batch", 8, 128, Scale::log);
    (void)space.integer("accumulation", 1, 16);
    auto optimizer = space.categorical("optimizer", {"sgd", "adam", "rmsprop"});
    auto nesterov = space.categorical("nesterov", {false, true}).when(optimizer == "sgd");
    (void)space.continuous("decay", 0, 1).when(nesterov == true || batch > 64);
    (void)space.continuous("fixed", 2, 2);
    (void)space.categorical("only", {"one"});
    space.constrain("batch * accumulation <= 512");
    return space;
}

/// A smooth loss on the unit cube of any space; inactive parameters cost nothing.
inline double bowl(const Configuration& configuration) {
    double sum = 0;
    for (const double u : configuration.encoded())
        if (!std::isnan(u)) sum += (u - 0.3) * (u - 0.3);
    return sum;
}

}  // namespace attune::test
