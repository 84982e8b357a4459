#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/decision_steps.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/curve.hpp"
#include "attune/study/study_follower.hpp"

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
/// is not judged before it has reported every metric. A report costs O(reports of its trial) and O(trials).
class Dominated {
  public:
    explicit Dominated(DominatedOptions options = {}) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "dominated"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const std::vector<Objective>& metrics =
            options_.metrics.empty() ? study.objectives() : options_.metrics;
        follow(study, metrics);
        const auto number = static_cast<std::size_t>(trial.number);
        const std::vector<CurvePoint>& points = seen_[number].curves.front();
        if (points.empty() || !options_.steps.due(points)) return {};
        const double step = points.back().step;
        const auto own = losses_at(seen_[number], metrics, step);
        if (!own) return {};
        std::size_t others = 0;
        std::size_t dominating = 0;
        for (std::size_t other = 0; other < seen_.size(); ++other) {
            if (other == number) continue;
            const auto losses = losses_at(seen_[other], metrics, step);
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
    /// What a trial has reported.
    struct Seen {
        std::vector<std::vector<CurvePoint>> curves;                 ///< of each metric
        double furthest = -std::numeric_limits<double>::infinity();  ///< step of any report
    };

    void follow(const Study& study, const std::vector<Objective>& metrics) {
        changed_.clear();
        follower_.follow(
            study, [&] { seen_.clear(); },
            [&](const TrialRecord& trial) { changed_.push_back(trial.number); });
        std::sort(changed_.begin(), changed_.end());
        changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
        seen_.resize(study.trials().size());
        for (const std::int64_t number : changed_) {
            const TrialRecord& trial = study.trial(number);
            Seen& seen = seen_[static_cast<std::size_t>(number)] = {};
            for (const Objective& metric : metrics) seen.curves.push_back(curve(trial, metric.metric));
            for (const Report& report : trial.reports) seen.furthest = std::max(seen.furthest, report.step);
        }
    }

    /// Less being better, NaN as infinity; nothing where the trial did not come to the step or lacks a
    /// metric.
    static std::optional<std::vector<double>> losses_at(const Seen& seen,
                                                        const std::vector<Objective>& metrics, double step) {
        if (seen.furthest < step) return std::nullopt;
        std::vector<double> out;
        for (std::size_t i = 0; i < metrics.size(); ++i) {
            const auto after =
                std::upper_bound(seen.curves[i].begin(), seen.curves[i].end(), step,
                                 [](double wanted, const CurvePoint& point) { return wanted < point.step; });
            if (after == seen.curves[i].begin()) return std::nullopt;
            const double value = (after - 1)->value;
            out.push_back(std::isnan(value) ? std::numeric_limits<double>::infinity()
                                            : metrics[i].loss(value));
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
    StudyFollower follower_;
    std::vector<Seen> seen_;
    std::vector<std::int64_t> changed_;
};

}  // namespace attune
