#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"
#include "support/problems.hpp"

namespace attune::test {

/// Numbers, or "nan", "inf" and "-inf" as text.
inline std::vector<double> fixture_numbers(const nlohmann::json& values) {
    std::vector<double> out;
    for (const nlohmann::json& value : values)
        out.push_back(value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>());
    return out;
}

inline std::optional<int> step_or_none(const nlohmann::json& value) {
    return value.is_null() ? std::nullopt : std::optional<int>(value.get<int>());
}

/// Trials that report curves and end where the policy says so, or with their last value. Every event comes a
/// second after the one before.
class CurveRuns {
  public:
    CurveRuns(Direction direction, AnyStoppingPolicy policy)
        : script_(space(), Objective{"value", direction}), policy_(std::move(policy)) {}

    std::int64_t begin() {
        script_.ask(0.5, ++now_);
        return static_cast<std::int64_t>(script_.study.trials().size()) - 1;
    }
    bool stops(std::int64_t trial, double step, double value) {
        script_.report(trial, step, value, ++now_);
        const Verdict verdict = policy_.decide(script_.study, script_.study.trial(trial));
        CHECK((verdict.decision == Decision::proceed) == verdict.reason.empty());
        CHECK((verdict.decision == Decision::proceed) == verdict.numbers.empty());
        return verdict.decision == Decision::stop;
    }
    void end(std::int64_t trial, bool stopped, double value) {
        if (stopped)
            script_.tell(trial, value, ++now_, TrialState::stopped);
        else if (std::isnan(value))
            script_.fail(trial, FailureKind::configuration, ++now_);
        else
            script_.tell(trial, value, ++now_);
    }

    /// One trial from begin to end, its steps counted from `first`; where it was stopped.
    std::optional<int> run(const std::vector<double>& curve, int first) {
        const std::int64_t trial = begin();
        for (std::size_t i = 0; i < curve.size(); ++i) {
            const int step = first + static_cast<int>(i);
            if (!stops(trial, step, curve[i])) continue;
            end(trial, true, curve[i]);
            return step;
        }
        end(trial, false, curve.back());
        return std::nullopt;
    }

  private:
    static SearchSpace space() {
        SearchSpace out;
        (void)out.continuous("x", 0, 1);
        return out;
    }
    StudyScript script_;
    AnyStoppingPolicy policy_;
    double now_ = 0;
};

}  // namespace attune::test
