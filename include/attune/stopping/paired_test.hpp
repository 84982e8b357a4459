#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/signed_rank.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/curve.hpp"

namespace attune {

/// Options of PairedTest.
struct PairedTestOptions {
    double significance = 0.1;             ///< a p-value below it stops; above 0, below 1
    int minimum_pairs = 2;                 ///< no decision with fewer common steps; at least 2
    std::string metric{};                  ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        if (!(significance > 0) || !(significance < 1))
            throw InvalidOption(
                fmt::format("paired test: significance ({}) must be above 0 and below 1", significance));
        if (minimum_pairs < 2)
            throw InvalidOption(
                fmt::format("paired test: minimum_pairs ({}) must be at least 2", minimum_pairs));
    }
};

/// Stops a trial that is worse than the best completed one on the same steps by Wilcoxon's signed-rank test
/// (see signed_rank_p_value): for trials whose steps are folds or problems of unequal difficulty, not epochs.
/// The steps may come in any order and need not be all there.
///
/// Silent where either trial has reported a value that is not finite, and while the trial's mean is no worse
/// than the best one's, whatever the test says of those that they have in common. Of a step that is reported
/// again the latest report counts.
class PairedTest {
  public:
    explicit PairedTest(PairedTestOptions options = {}) : options_(std::move(options)) {
        options_.validate();
    }

    [[nodiscard]] static constexpr std::string_view name() { return "paired_test"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) const {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        const TrialRecord* best = best_completed(study, objective);
        if (best == nullptr || !detail::just_reported(trial, objective.metric)) return {};
        const std::vector<CurvePoint> own = curve(trial, objective.metric);
        const std::vector<CurvePoint> other = curve(*best, objective.metric);
        if (other.empty() || !all_finite(own) || !all_finite(other)) return {};
        const std::vector<double> differences = worse_by(own, other, objective);
        if (differences.size() < static_cast<std::size_t>(options_.minimum_pairs)) return {};
        const double p = signed_rank_p_value(differences);
        if (!(p < options_.significance)) return {};
        const double own_mean = mean(own);
        const double best_mean = mean(other);
        // "No worse" as a mean of all that it reported, also where the test on the common steps is sure.
        if (objective.loss(best_mean) >= objective.loss(own_mean)) return {};
        return {Decision::stop,
                fmt::format(
                    "is worse than trial {} on {} common steps: mean {} {:.6g} against {:.6g}, p = {:.3g}",
                    best->number, differences.size(), objective.metric, own_mean, best_mean, p),
                {{"p", p},
                 {"pairs", static_cast<double>(differences.size())},
                 {"mean", own_mean},
                 {"best_mean", best_mean},
                 {"best_trial", static_cast<double>(best->number)}}};
    }

  private:
    static const TrialRecord* best_completed(const Study& study, const Objective& objective) {
        const TrialRecord* best = study.best();
        const bool first = objective.metric == study.objective().metric;
        if (first && best != nullptr && best->state == TrialState::completed) return best;
        best = nullptr;
        for (const TrialRecord& trial : study.trials()) {
            if (trial.state != TrialState::completed || std::isnan(trial.metric(objective.metric))) continue;
            const bool better = best == nullptr || objective.better(trial.metric(objective.metric),
                                                                    best->metric(objective.metric));
            if (better) best = &trial;
        }
        return best;
    }

    static bool all_finite(const std::vector<CurvePoint>& points) {
        return std::all_of(points.begin(), points.end(),
                           [](const CurvePoint& point) { return std::isfinite(point.value); });
    }

    static std::vector<double> worse_by(const std::vector<CurvePoint>& own,
                                        const std::vector<CurvePoint>& other, const Objective& objective) {
        std::vector<double> out;
        for (std::size_t i = 0, k = 0; i < own.size() && k < other.size();) {
            if (own[i].step == other[k].step) out.push_back(objective.loss(own[i].value - other[k].value));
            const double step = std::min(own[i].step, other[k].step);
            i += own[i].step == step ? 1 : 0;
            k += other[k].step == step ? 1 : 0;
        }
        return out;
    }

    static double mean(const std::vector<CurvePoint>& points) {
        double sum = 0;
        for (const CurvePoint& point : points) sum += point.value;
        return sum / static_cast<double>(points.size());
    }

    PairedTestOptions options_;
};

}  // namespace attune
