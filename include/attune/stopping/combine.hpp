#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"

namespace attune {
namespace detail {

/// What combinations of several policies have in common: those that pause want pauses, and the first that
/// names a paused trial has its way.
class SeveralPolicies {
  public:
    explicit SeveralPolicies(std::vector<AnyStoppingPolicy> policies) : policies_(std::move(policies)) {}
    [[nodiscard]] bool wants_pauses() const {
        return std::any_of(policies_.begin(), policies_.end(),
                           [](const AnyStoppingPolicy& policy) { return policy.wants_pauses(); });
    }
    std::optional<Resumption> resume(const Study& study) {
        for (AnyStoppingPolicy& policy : policies_)
            if (auto chosen = policy.resume(study)) return chosen;
        return std::nullopt;
    }

  protected:
    std::vector<AnyStoppingPolicy> policies_;
};

/// What policies that ask another one under a condition have in common.
class OnePolicy {
  public:
    explicit OnePolicy(AnyStoppingPolicy policy) : policy_(std::move(policy)) {}
    [[nodiscard]] std::string name() const { return policy_.name(); }
    [[nodiscard]] bool wants_pauses() const { return policy_.wants_pauses(); }
    std::optional<Resumption> resume(const Study& study) { return policy_.resume(study); }

  protected:
    AnyStoppingPolicy policy_;
};

}  // namespace detail

/// Stops (or pauses) when any of its policies does; the first that speaks gives the reason, and one that
/// stops goes before those that pause. Goes on with the paused trial of the first policy that names one.
class AnyOfPolicies : public detail::SeveralPolicies {
  public:
    using SeveralPolicies::SeveralPolicies;
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
};

/// Speaks when all of its policies do, and then as the mildest: it pauses where one of them would only pause.
/// Its reason and numbers are theirs, in order; of numbers of one name the first. Without policies it is
/// silent. Goes on with the paused trial of the first policy that names one.
class AllOfPolicies : public detail::SeveralPolicies {
  public:
    using SeveralPolicies::SeveralPolicies;
    [[nodiscard]] static constexpr std::string_view name() { return "all_of"; }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        Verdict answer;
        for (AnyStoppingPolicy& policy : policies_) {
            Verdict verdict = policy.decide(study, trial);
            if (verdict.decision == Decision::proceed) return {};
            if (answer.decision == Decision::proceed) {
                answer = std::move(verdict);
                continue;
            }
            if (verdict.decision == Decision::pause) answer.decision = Decision::pause;
            answer.reason += "; and " + verdict.reason;
            answer.numbers.insert(verdict.numbers.begin(), verdict.numbers.end());
        }
        return answer;
    }
};

/// Leaves a trial alone until its reports have come past `step`; then asks the policy.
class AfterStep : public detail::OnePolicy {
  public:
    /// Throws InvalidOption for a step that is no number.
    AfterStep(double step, AnyStoppingPolicy policy) : OnePolicy(std::move(policy)), step_(step) {
        if (std::isnan(step)) throw InvalidOption("after: step (nan) must be a number");
    }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        return trial.reports.back().step <= step_ ? Verdict{} : policy_.decide(study, trial);
    }

  private:
    double step_;
};

/// Leaves all trials alone until so many have completed; then asks the policy.
class AtLeastTrials : public detail::OnePolicy {
  public:
    /// Throws InvalidOption below 0.
    AtLeastTrials(int completed, AnyStoppingPolicy policy)
        : OnePolicy(std::move(policy)), completed_(completed) {
        if (completed < 0)
            throw InvalidOption(fmt::format("at_least: trials ({}) must be at least 0", completed));
    }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        const bool enough = study.count(TrialState::completed) >= static_cast<std::size_t>(completed_);
        return enough ? policy_.decide(study, trial) : Verdict{};
    }

  private:
    int completed_;
};

/// How the answers for several objectives become one.
enum class Combine { any, all };

/// The same policy for each of the study's objectives, made for it by a function of the metric's name: speaks
/// when it does for any of them, or only when it does for all.
///
///     each_objective(Combine::all, [](std::string metric) { return MedianRule{{.metric = metric}}; })
class EachObjective {
  public:
    using Make = std::function<AnyStoppingPolicy(const std::string& metric)>;
    EachObjective(Combine combine, Make make) : combine_(combine), make_(std::move(make)) {}
    [[nodiscard]] std::string name() const { return make_("").name(); }
    [[nodiscard]] bool wants_pauses() const { return make_("").wants_pauses(); }
    Verdict decide(const Study& study, const TrialRecord& trial) {
        return combined(study).decide(study, trial);
    }
    std::optional<Resumption> resume(const Study& study) { return combined(study).resume(study); }

  private:
    /// Made once, anew for other objectives.
    AnyStoppingPolicy& combined(const Study& study) {
        if (!made_ || !(objectives_ == study.objectives())) {
            objectives_ = study.objectives();
            std::vector<AnyStoppingPolicy> policies;
            for (const Objective& objective : objectives_) policies.push_back(make_(objective.metric));
            if (combine_ == Combine::any)
                made_.emplace(AnyOfPolicies(std::move(policies)));
            else
                made_.emplace(AllOfPolicies(std::move(policies)));
        }
        return *made_;
    }

    Combine combine_;
    Make make_;
    std::vector<Objective> objectives_;
    std::optional<AnyStoppingPolicy> made_;
};

template <class... P>
requires(StoppingPolicy<P>&&...) [[nodiscard]] AnyOfPolicies any_of(P... policies) {
    return AnyOfPolicies(std::vector<AnyStoppingPolicy>{AnyStoppingPolicy(std::move(policies))...});
}

template <class... P>
requires(StoppingPolicy<P>&&...) [[nodiscard]] AllOfPolicies all_of(P... policies) {
    return AllOfPolicies(std::vector<AnyStoppingPolicy>{AnyStoppingPolicy(std::move(policies))...});
}

[[nodiscard]] inline AfterStep after(double step, AnyStoppingPolicy policy) {
    return {step, std::move(policy)};
}

[[nodiscard]] inline AtLeastTrials at_least(int completed_trials, AnyStoppingPolicy policy) {
    return {completed_trials, std::move(policy)};
}

[[nodiscard]] inline EachObjective each_objective(Combine combine, EachObjective::Make make) {
    return {combine, std::move(make)};
}

}  // namespace attune
