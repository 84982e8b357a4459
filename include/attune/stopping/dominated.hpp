#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/decision_steps.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/curve.hpp"

namespace attune {

/// Options of Dominated.
struct DominatedOptions {
    std::vector<Objective> metrics{};  ///< the vector; empty: the study's objectives
    double share = 0.5;  ///< stops a trial that more than this share of the others dominates; 0 to below 1
    int minimum_trials = 5;  ///< no decision while fewer others have come to the step; at least 1
    DecisionSteps steps{};

    /// Throws InvalidOption.
    void validate() const {
        if (!(share >= 0) || !(share < 1))
            throw InvalidOption(fmt::format("dominated: share ({}) must be at least 0 and below 1", share));
        if (minimum_trials < 1)
            throw InvalidOption(
                fmt::format("dominated: minimum_trials ({}) must be at least 1", minimum_trials));
        steps.validate("dominated");
    }
};

/// For several objectives: stops a trial whose vector of values at its step is dominated by those of more
/// than a share of the other trials at the same step (with one objective: about the median rule of current
/// values). Another trial's vector is its latest up to the step, if it came that far, whatever became of it;
/// it dominates where it is no worse in any metric and better in one. NaN is worse than every number. A trial
/// is not judged before it has reported every metric.
class Dominated {
  public:
    explicit Dominated(DominatedOptions options = {}) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "dominated"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) const {
        const std::vector<Objective>& metrics =
            options_.metrics.empty() ? study.objectives() : options_.metrics;
        const std::vector<CurvePoint> points = curve(trial, metrics.front().metric);
        if (points.empty() || trial.reports.empty() || !options_.steps.due(points)) return {};
        const double step = points.back().step;
        const auto own = losses_at(trial, metrics, step);
        if (!own) return {};
        std::size_t others = 0;
        std::size_t dominating = 0;
        for (const TrialRecord& other : study.trials()) {
            if (other.number == trial.number) continue;
            const auto losses = losses_at(other, metrics, step);
            if (!losses) continue;
            ++others;
            dominating += dominates(*losses, *own) ? 1 : 0;
        }
        if (others < static_cast<std::size_t>(options_.minimum_trials)) return {};
        if (static_cast<double>(dominating) <= options_.share * static_cast<double>(others)) return {};
        std::string text;
        Metrics numbers{{"dominating", static_cast<double>(dominating)},
                        {"trials", static_cast<double>(others)},
                        {"step", step}};
        for (std::size_t i = 0; i < metrics.size(); ++i) {
            const double value = metrics[i].loss((*own)[i]);
            text += fmt::format("{}{} = {:.6g}", i == 0 ? "" : ", ", metrics[i].metric, value);
            numbers[metrics[i].metric] = value;
        }
        return {Decision::stop,
                fmt::format("{} at step {} is dominated by {} of {} trials", text, step, dominating, others),
                std::move(numbers)};
    }

  private:
    /// Less being better, NaN as infinity; nothing where the trial did not come to the step or lacks a
    /// metric.
    static std::optional<std::vector<double>> losses_at(const TrialRecord& trial,
                                                        const std::vector<Objective>& metrics, double step) {
        std::vector<double> out;
        for (const Objective& metric : metrics) {
            std::optional<CurvePoint> latest;
            bool came_there = false;
            for (const Report& report : trial.reports) {
                came_there = came_there || report.step >= step;
                const auto value = report.metrics.find(metric.metric);
                if (value == report.metrics.end() || report.step > step) continue;
                if (!latest || report.step >= latest->step) latest = CurvePoint{report.step, value->second};
            }
            if (!came_there || !latest) return std::nullopt;
            out.push_back(std::isnan(latest->value) ? std::numeric_limits<double>::infinity()
                                                    : metric.loss(latest->value));
        }
        return out;
    }

    static bool dominates(const std::vector<double>& a, const std::vector<double>& b) {
        bool better = false;
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (a[i] > b[i]) return false;
            better = better || a[i] < b[i];
        }
        return better;
    }

    DominatedOptions options_;
};

}  // namespace attune
