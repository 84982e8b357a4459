#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/stopping/decision_steps.hpp"
#include "attune/stopping/detail/ranked_curves.hpp"
#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Options of PercentileRule.
struct PercentileRuleOptions {
    double percentile = 25;          ///< the share of trials, in percent, that go on; 0 to 100
    int minimum_trials = 5;          ///< no decision while fewer trials have completed; at least 0
    int minimum_trials_at_step = 1;  ///< nor while fewer of them reported the step; at least 1
    DecisionSteps steps{};
    TrialPool pool = TrialPool::completed;
    std::string metric{};                  ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        if (!(percentile >= 0) || percentile > 100)
            throw InvalidOption(fmt::format(
                "percentile rule: percentile ({}) must be at least 0 and at most 100", percentile));
        if (minimum_trials < 0)
            throw InvalidOption(
                fmt::format("percentile rule: minimum_trials ({}) must be at least 0", minimum_trials));
        if (minimum_trials_at_step < 1)
            throw InvalidOption(fmt::format("percentile rule: minimum_trials_at_step ({}) must be at least 1",
                                            minimum_trials_at_step));
        steps.validate("percentile rule");
    }
};

/// Stops a trial whose best value so far is worse than the percentile of other trials' values at exactly this
/// step, linearly interpolated between ranks. The published rule of Optuna's percentile and (at 50) median
/// pruners (Akiba et al., KDD 2019); unlike MedianRule it compares a best value with single ones, so it
/// forgives a trial a bad step, and it is silent at steps that others passed over.
///
/// Reports of NaN are passed over; a trial that has reported nothing else is stopped. Out of order, repeated
/// and missing reports: as for MedianRule.
class PercentileRule {
  public:
    PercentileRule() : PercentileRule(PercentileRuleOptions{}) {}
    explicit PercentileRule(PercentileRuleOptions options)
        : options_(std::move(options)), curves_(detail::CurveStatistic::at_step, options_.pool) {
        options_.validate();
    }

    [[nodiscard]] static constexpr std::string_view name() { return "percentile"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        if (!detail::just_reported(trial, objective.metric)) return {};
        const std::size_t completed = study.count(TrialState::completed);
        if (completed < static_cast<std::size_t>(options_.minimum_trials)) return {};
        if (options_.pool == TrialPool::completed && completed == 0) return {};
        curves_.follow(study, objective);
        const std::vector<CurvePoint>& curve = curves_.own_curve(trial);
        if (!options_.steps.due(curve)) return {};
        double best = std::nan("");
        for (const CurvePoint& point : curve)
            if (objective.better(point.value, best)) best = point.value;
        const double step = curve.back().step;
        if (std::isnan(best))
            return {Decision::stop,
                    fmt::format("{} has been no number up to step {}", objective.metric, step),
                    {{"value", best}, {"step", step}}};
        const detail::RankedValues& others = curves_.at(step);
        const std::int64_t before = curves_.before(trial);
        const std::size_t numbers = others.count(before);
        if (numbers + others.count_nan(before) < static_cast<std::size_t>(options_.minimum_trials_at_step) ||
            numbers == 0)
            return {};
        const double limit = between_ranks(others, objective, before, numbers);
        if (!objective.better(limit, best)) return {};
        return {Decision::stop,
                fmt::format("the best {} = {:.6g} up to step {} is not among the best {:g} % of {} trials, "
                            "which begin at {:.6g}",
                            objective.metric, best, step, options_.percentile, numbers, limit),
                {{"value", best},
                 {"percentile", limit},
                 {"trials", static_cast<double>(numbers)},
                 {"step", step}}};
    }

  private:
    /// Interpolated between values in ascending order, whichever way is better: so that it rounds alike.
    [[nodiscard]] double between_ranks(const detail::RankedValues& others, const Objective& objective,
                                       std::int64_t before, std::size_t count) const {
        const bool up = objective.direction == Direction::maximize;
        const double percentile = up ? 100 - options_.percentile : options_.percentile;
        const auto value = [&](std::size_t k) {
            return objective.loss(others.smallest(up ? count - 1 - k : k, before));
        };
        const double place = static_cast<double>(count - 1) * (percentile / 100);
        const auto lower = std::min(static_cast<std::size_t>(std::floor(place)), count - 1);
        const double share = place - std::floor(place);
        const double low = value(lower);
        if (share == 0) return low;
        const double high = value(std::min(lower + 1, count - 1));
        // From the nearer end, so that a share of 1 gives the upper one exactly.
        return share < 0.5 ? low + (high - low) * share : high - (high - low) * (1 - share);
    }

    PercentileRuleOptions options_;
    detail::RankedCurves curves_;
};

}  // namespace attune
