#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/space/detail/counted.hpp"
#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Whose curves the median rule compares with.
enum class MedianPool { completed, all_earlier };

/// Options of MedianRule.
struct MedianRuleOptions {
    std::string metric{};     ///< empty: the study's first objective
    double warmup_steps = 0;  ///< no decision at steps up to this one
    int minimum_trials = 5;   ///< no decision while fewer trials can be compared with; at least 1
    MedianPool pool = MedianPool::completed;

    /// Throws InvalidOption.
    void validate() const {
        if (!(warmup_steps >= 0))
            throw InvalidOption(
                fmt::format("median rule: warmup_steps ({}) must be at least 0", warmup_steps));
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
/// proceed.
class MedianRule {
  public:
    MedianRule() = default;
    explicit MedianRule(MedianRuleOptions options) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "median"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) const {
        const Objective objective = watched(study);
        const Report& report = trial.reports.back();
        const auto value = report.metrics.find(objective.metric);
        if (value == report.metrics.end() || report.step <= options_.warmup_steps) return {};
        std::vector<double> averages;
        for (const TrialRecord& other : study.trials())
            if (in_pool(other, trial))
                if (const auto average = running_average(other, objective, report.step))
                    averages.push_back(*average);
        if (averages.size() < static_cast<std::size_t>(options_.minimum_trials)) return {};
        const double middle = median(averages);
        // An average of equal values differs from them in the last bit, which is no reason to stop.
        const bool equal = std::abs(value->second - middle) <= 1e-12 * std::abs(middle);
        if (equal || !objective.better(middle, value->second)) return {};
        if (std::isnan(value->second))
            return {Decision::stop,
                    fmt::format(
                        "{} is NaN at step {}, which counts as worse than any number, here the median {:.6g} "
                        "of {}",
                        objective.metric, report.step, middle, detail::counted(averages.size(), "trial"))};
        return {Decision::stop,
                fmt::format("{} = {:.6g} at step {} is worse than the median {:.6g} of {}", objective.metric,
                            value->second, report.step, middle, detail::counted(averages.size(), "trial"))};
    }

  private:
    [[nodiscard]] Objective watched(const Study& study) const {
        if (options_.metric.empty()) return study.objective();
        for (const Objective& objective : study.objectives())
            if (objective.metric == options_.metric) return objective;
        return {options_.metric, study.objective().direction};
    }

    [[nodiscard]] bool in_pool(const TrialRecord& other, const TrialRecord& trial) const {
        if (other.number == trial.number) return false;
        if (options_.pool == MedianPool::completed) return other.state == TrialState::completed;
        return other.number < trial.number;
    }

    static std::optional<double> running_average(const TrialRecord& trial, const Objective& objective,
                                                 double step) {
        double sum = 0, last = -std::numeric_limits<double>::infinity();
        int count = 0;
        for (const Report& report : trial.reports) {
            const auto value = report.metrics.find(objective.metric);
            if (value == report.metrics.end()) continue;
            last = std::max(last, report.step);
            if (report.step > step) continue;
            sum += value->second;
            ++count;
        }
        if (count == 0 || last < step) return std::nullopt;
        const double average = sum / count;
        return std::isnan(average) ? objective.worst() : average;
    }

    static double median(std::vector<double>& values) {
        std::sort(values.begin(), values.end());
        const std::size_t half = values.size() / 2;
        if (values.size() % 2 == 1 || values[half - 1] == values[half]) return values[half];
        return (values[half - 1] + values[half]) / 2;
    }

    MedianRuleOptions options_;
};

}  // namespace attune
