#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Stops (or pauses) when any of its policies does; the first that speaks gives the reason.
class AnyOfPolicies {
  public:
    explicit AnyOfPolicies(std::vector<AnyStoppingPolicy> policies) : policies_(std::move(policies)) {}
    [[nodiscard]] static constexpr std::string_view name() { return "any_of"; }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        for (AnyStoppingPolicy& policy : policies_)
            if (Verdict verdict = policy.decide(study, trial); verdict.decision != Decision::proceed)
                return verdict;
        return {};
    }

  private:
    std::vector<AnyStoppingPolicy> policies_;
};

/// Leaves a trial alone until its reports have come past `step`; then asks the policy.
class AfterStep {
  public:
    AfterStep(double step, AnyStoppingPolicy policy) : step_(step), policy_(std::move(policy)) {}
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
