#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Stops (or pauses) when any of its policies does; the first that speaks gives the reason, and one that
/// stops goes before those that pause.
class AnyOfPolicies {
  public:
    explicit AnyOfPolicies(std::vector<AnyStoppingPolicy> policies) : policies_(std::move(policies)) {}
    [[nodiscard]] static constexpr std::string_view name() { return "any_of"; }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        Verdict answer;
        for (AnyStoppingPolicy& policy : policies_) {
            Verdict verdict = policy.decide(study, trial);
            if (verdict.decision == Decision::stop) return verdict;
            if (answer.decision == Decision::proceed) answer = std::move(verdict);
        }
        return answer;
    }

  private:
    std::vector<AnyStoppingPolicy> policies_;
};

/// Leaves a trial alone until its reports have come past `step`; then asks the policy.
class AfterStep {
  public:
    /// Throws InvalidOption for a step that is no number.
    AfterStep(double step, AnyStoppingPolicy policy) : step_(step), policy_(std::move(policy)) {
        if (std::isnan(step)) throw InvalidOption("after: step (nan) must be a number");
    }
    [[nodiscard]] std::string name() const { return policy_.name(); }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        return trial.reports.back().step <= step_ ? Verdict{} : policy_.decide(study, trial);
    }

  private:
    double step_;
    AnyStoppingPolicy policy_;
};

template <class... P>
requires(StoppingPolicy<P>&&...) [[nodiscard]] AnyOfPolicies any_of(P... policies) {
    return AnyOfPolicies({AnyStoppingPolicy(std::move(policies))...});
}

[[nodiscard]] inline AfterStep after(double step, AnyStoppingPolicy policy) {
    return {step, std::move(policy)};
}

}  // namespace attune
