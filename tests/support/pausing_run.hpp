#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "attune/storage/memory.hpp"
#include "attune/tune/tuner.hpp"
#include "support/problems.hpp"

/// A study whose trials pause, run in one go.
namespace attune::test {

/// A curve that falls towards the bowl of its configuration in `last` steps, gone on with from where it was.
struct FallingCurve {
    int last;
    std::map<std::int64_t, int>* at;
    void operator()(Trial& trial) const {
        int& step = (*at)[trial.number()];
        while (step < last) {
            ++step;
            const double loss = bowl(trial.configuration()) + 3.0 / step;
            if (trial.report(step, loss) != Decision::proceed) return;
        }
    }
};

struct PausingRun {
    Study study;
    std::vector<Event> events;
    int steps = 0;  ///< trained by all trials
};

inline PausingRun run_pausing(const AnyStrategy& strategy, std::int64_t trials, int last,
                              std::uint64_t seed) {
    Memory memory;
    std::map<std::int64_t, int> at;
    Tuner tuner{mixed_space(), minimize("loss"), strategy, TunerOptions{.seed = seed, .resumable = true},
                memory};
    PausingRun out{tuner.run({.max_trials = trials}, FallingCurve{last, &at}).study(), memory.read(0)};
    for (const auto& [number, steps] : at) out.steps += steps;
    return out;
}

}  // namespace attune::test
