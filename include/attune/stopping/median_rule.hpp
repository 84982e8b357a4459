#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "attune/stopping/detail/longest_training.hpp"
#include "attune/stopping/detail/ranked_curves.hpp"
#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// What the median rule compares: a trial's value at its step with the others' running averages up to that
/// step (which forgives a bad start less, and a bad step more), or its best value so far with theirs.
enum class MedianOf { running_averages, best_values };

/// Options of MedianRule.
struct MedianRuleOptions {
    std::string metric{};     ///< empty: the study's first objective
    double warmup_steps = 0;  ///< no decision at steps up to this one
    /// Where above 0: nor at steps up to this share of the longest completed training, nor at its last step,
    /// where nothing is left to save; below 1. A tenth spares most of what the rule loses
    /// (docs/early_stopping.md); the published rule has none.
    double warmup_share = 0;
    int minimum_trials = 5;  ///< no decision while fewer trials can be compared with; at least 1
    TrialPool pool = TrialPool::completed;
    MedianOf of = MedianOf::running_averages;
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        if (!(warmup_steps >= 0))
            throw InvalidOption(
                fmt::format("median rule: warmup_steps ({}) must be at least 0", warmup_steps));
        if (!(warmup_share >= 0 && warmup_share < 1))
            throw InvalidOption(
                fmt::format("median rule: warmup_share ({}) must be in [0, 1)", warmup_share));
        if (minimum_trials < 1)
            throw InvalidOption(
                fmt::format("median rule: minimum_trials ({}) must be at least 1", minimum_trials));
    }
};

/// Stops a trial whose value is worse than the median of the running averages of other trials at the same
/// step: the published description of the "Auto" early stopping of managed tuning services (Golovin et al.,
/// "Google Vizier", KDD 2017, 3.2.2).
///
/// The running average of a trial at step s is the mean of its reports up to s; trials that did not get to s
/// are left out. A report of NaN is worse than any median. A report without the metric is answered with
/// proceed. One that comes out of order is judged at the highest step that the trial has come to; of a step
/// that is reported again the latest report counts. A decision among 10,000 trials takes some microseconds:
/// what the study held before is kept ranked.
class MedianRule {
  public:
    MedianRule() : MedianRule(MedianRuleOptions{}) {}
    explicit MedianRule(MedianRuleOptions options)
        : options_(std::move(options)),
          curves_(options_.of == MedianOf::best_values ? detail::CurveStatistic::best_so_far
                                                       : detail::CurveStatistic::running_average,
                  options_.pool) {
        options_.validate();
    }

    [[nodiscard]] static constexpr std::string_view name() { return "median"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        if (!detail::just_reported(trial, objective.metric)) return {};
        curves_.follow(study, objective);
        const CurvePoint latest = curves_.own_curve(trial).back();
        if (latest.step <= options_.warmup_steps) return {};
        if (options_.warmup_share > 0) {
            const double longest = longest_.steps(study);
            if (latest.step <= options_.warmup_share * longest || latest.step >= longest) return {};
        }
        const bool best = options_.of == MedianOf::best_values;
        const double value = best ? objective.loss(*curves_.own(trial)) : latest.value;
        const detail::RankedValues& others = curves_.at(latest.step);
        const std::int64_t before = curves_.before(trial);
        // Best values that are NaN, of curves without a number, rank behind the others.
        const std::size_t numbers = others.count(before);
        const std::size_t count = numbers + others.count_nan(before);
        if (count < static_cast<std::size_t>(options_.minimum_trials)) return {};
        const auto ranked = [&](std::size_t k) {
            return k < numbers ? objective.loss(others.smallest(k, before)) : objective.worst();
        };
        // The common case, by counting: at most half of them are better.
        if (!std::isnan(value) && others.count_below(objective.loss(value), before) <= (count - 1) / 2)
            return {};
        const double middle = median(ranked((count - 1) / 2), ranked(count / 2));
        // An average of equal values differs from them in the last bit, which is no reason to stop.
        const bool equal = std::abs(value - middle) <= 1e-12 * std::abs(middle);
        if (equal || !objective.better(middle, value)) return {};
        const std::string pool =
            (best ? "the best values of " : "the running averages of ") + detail::counted(count, "trial");
        std::string reason;
        if (std::isnan(value))
            reason = fmt::format(
                "{} is NaN at step {}, which counts as worse than any number, here the median {:.6g} of {}",
                objective.metric, latest.step, middle, pool);
        else
            reason = fmt::format("{}{} = {:.6g} at step {} is worse than the median {:.6g} of {}",
                                 best ? "the best " : "", objective.metric, value, latest.step, middle, pool);
        return {Decision::stop,
                std::move(reason),
                {{"value", value},
                 {"median", middle},
                 {"trials", static_cast<double>(count)},
                 {"step", latest.step}}};
    }

  private:
    static double median(double low, double high) { return low == high ? low : (low + high) / 2; }

    MedianRuleOptions options_;
    detail::RankedCurves curves_;
    detail::LongestTraining longest_;
};

}  // namespace attune
