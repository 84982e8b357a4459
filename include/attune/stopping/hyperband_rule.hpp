#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/successive_halving.hpp"
#include "attune/study/brackets.hpp"

namespace attune {

/// Options of HyperbandRule.
struct HyperbandRuleOptions {
    double minimum_resource = 1;  ///< step of the first rung of the first bracket; above 0
    double maximum_resource = 0;  ///< step at which trials end; 0: one past the last step of the first trial
                                  ///< to complete, and no decision before there is one
    double factor = 3;            ///< above 1
    int brackets = 0;             ///< 0: as many as fit between the resources
    int bootstrap_trials = 0;     ///< a rung lets nobody pass while it has no more values than these
    HalvingKind kind = HalvingKind::stop;
    BracketAssignment assign = drawn_bracket;  ///< to which bracket each trial belongs
    std::string metric{};                      ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        const auto refuse = [](const char* option, double value, const char* rule) {
            throw InvalidOption(fmt::format("hyperband: {} ({}) must be {}", option, value, rule));
        };
        if (!(minimum_resource > 0) || std::isinf(minimum_resource))
            refuse("minimum_resource", minimum_resource, "above 0 and finite");
        if (maximum_resource != 0 &&
            (!(maximum_resource >= minimum_resource) || std::isinf(maximum_resource)))
            refuse("maximum_resource", maximum_resource, "0, or at least minimum_resource and finite");
        if (!(factor > 1) || std::isinf(factor)) refuse("factor", factor, "above 1 and finite");
        if (brackets < 0) refuse("brackets", brackets, "at least 0");
        if (bootstrap_trials < 0) refuse("bootstrap_trials", bootstrap_trials, "at least 0");
        if (!assign) throw InvalidOption("hyperband: assign is empty; it must give a trial's bracket");
    }
};

/// Hyperband's brackets (Li et al., JMLR 2018) as a policy for any strategy: each trial belongs to one
/// bracket, whose successive halving (see SuccessiveHalving, for reports of every kind) begins at its own
/// step and compares its own trials only. For the published schedule, with whole rungs, see the strategy
/// Hyperband.
class HyperbandRule {
  public:
    HyperbandRule() : HyperbandRule(HyperbandRuleOptions{}) {}
    explicit HyperbandRule(HyperbandRuleOptions options) : options_(std::move(options)) {
        options_.validate();
    }

    [[nodiscard]] bool wants_pauses() const { return options_.kind == HalvingKind::pause; }
    [[nodiscard]] static constexpr std::string_view name() { return "hyperband"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        if (!detail::just_reported(trial, objective.metric) || !ready(study)) return {};
        const int bracket = bracket_of(study, trial.number);
        RungLedger& ledger = ledgers_[static_cast<std::size_t>(bracket)];
        ledger.follow(study, objective);
        Verdict verdict =
            detail::halving_verdict(ledger, trial, objective, options_.kind, options_.bootstrap_trials);
        if (verdict.decision == Decision::proceed) return verdict;
        verdict.reason += fmt::format(" of bracket {}", bracket);
        verdict.numbers["bracket"] = bracket;
        return verdict;
    }

    [[nodiscard]] std::optional<Resumption> resume(const Study& study) {
        if (options_.kind != HalvingKind::pause || !ready(study)) return std::nullopt;
        for (std::size_t b = 0; b < ledgers_.size(); ++b) {
            ledgers_[b].follow(study, detail::watched(study, options_.metric, options_.direction));
            if (const auto next = ledgers_[b].promotable(study))
                return Resumption{
                    next->first, std::nullopt,
                    fmt::format("is among the best {} of {} at the rung of step {} of bracket {}",
                                ledgers_[b].places(next->second), ledgers_[b].at(next->second).size(),
                                ledgers_[b].ladder().level(next->second), b)};
        }
        return std::nullopt;
    }

  private:
    [[nodiscard]] int bracket_of(const Study& study, std::int64_t trial) const {
        const int bracket = options_.assign(study, trial, budgets_);
        if (bracket < 0 || bracket >= static_cast<int>(budgets_.size()))
            throw InvalidOption(fmt::format(
                "hyperband: assign gave trial {} to bracket {}, but there are {}, numbered from 0", trial,
                bracket, budgets_.size()));
        return bracket;
    }

    /// Whether the brackets are known; makes them where they are new or others.
    bool ready(const Study& study) {
        Brackets brackets{options_.minimum_resource, options_.maximum_resource, options_.factor};
        double since = -std::numeric_limits<double>::infinity();
        if (options_.maximum_resource == 0) {
            const auto first = first_.find(study);
            if (!first) return false;
            brackets.maximum = std::max(first->last_step + 1, options_.minimum_resource);
            since = first->seconds;
        }
        if (!ledgers_.empty() && brackets.maximum == maximum_ && since == since_) return true;
        maximum_ = brackets.maximum;
        since_ = since;
        const int count = options_.brackets > 0 ? options_.brackets : brackets.count();
        budgets_ = brackets.budgets(count);
        ledgers_.clear();
        for (int b = 0; b < count; ++b) {
            RungLadder ladder{options_.minimum_resource, options_.factor, b};
            if (options_.kind == HalvingKind::pause) ladder.maximum = brackets.maximum;
            ledgers_.emplace_back(
                ladder,
                [b, budgets = budgets_, assign = options_.assign](const Study& of, std::int64_t trial) {
                    return assign(of, trial, budgets) == b;
                },
                since);
        }
        return true;
    }

    HyperbandRuleOptions options_;
    detail::FirstCompleted first_;
    std::vector<std::int64_t> budgets_;
    std::vector<RungLedger> ledgers_;
    double maximum_ = 0;
    double since_ = 0;
};

}  // namespace attune
