#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"
#include "support/problems.hpp"

namespace attune::test {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
inline constexpr double infinity = std::numeric_limits<double>::infinity();

inline SearchSpace line() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return space;
}

/// A study of finished trials with the given curves (steps from 1), and one running trial.
struct Curves {
    StudyScript script;

    explicit Curves(Objective objective = minimize("loss"),
                    std::vector<OutcomeConstraint> outcome_constraints = {})
        : script(line(), std::vector{std::move(objective)}, event::FinalValue::best_report, 1,
                 std::move(outcome_constraints)) {}

    /// `told` is what the trial comes to besides.
    void completed(const std::vector<double>& values, TrialState state = TrialState::completed,
                   const Metrics& told = {}) {
        const std::int64_t number = begin();
        for (std::size_t i = 0; i < values.size(); ++i)
            script.report(number, static_cast<double>(i + 1), values[i], 1);
        script.apply(event::Finished{number, state, told, {}, "", {}, {}, {}}, 2);
    }
    std::int64_t begin() {
        event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(script.study.trials().size());
        suggested.configuration = {{"x", 0.5}};
        suggested.view = script.study.position();
        suggested.resumable = true;
        script.apply(suggested, 0);
        return static_cast<std::int64_t>(script.study.trials().size()) - 1;
    }
    std::int64_t begin_reported(double step, double value) {
        const std::int64_t number = begin();
        script.report(number, step, value, 3);
        return number;
    }
    Verdict report(AnyStoppingPolicy policy, std::int64_t trial, double step, double value) {
        script.report(trial, step, value, 3);
        return policy.decide(script.study, script.study.trial(trial));
    }
};

inline bool stops(const Verdict& verdict) { return verdict.decision == Decision::stop; }

/// Answers with what it was made with.
struct Always {
    Decision decision;
    std::string why;
    [[nodiscard]] Verdict decide(const Study&, const TrialRecord&) const { return {decision, why}; }
};

}  // namespace attune::test
