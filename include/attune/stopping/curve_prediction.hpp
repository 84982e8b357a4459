#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/stopping/detail/longest_training.hpp"
#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/curve_forecasts.hpp"

namespace attune {

/// Options of CurvePrediction.
struct CurvePredictionOptions {
    double horizon = 0;          ///< the step at which trainings end; 0: that of the longest completed trial
    double least_chance = 0.03;  ///< of beating the best: below it a trial is stopped or pauses; in (0, 0.5]
    double warmup_share = 0.05;  ///< of the horizon: no decision up to there
    int minimum_trials = 5;      ///< no decision while fewer trials have reported; at least 1
    bool pauses = true;          ///< trials that can resume pause, and go on when others disappoint
    std::string metric{};        ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        const auto refuse = [](const char* option, double value, const char* rule) {
            throw InvalidOption(fmt::format("curve prediction: {} ({}) must be {}", option, value, rule));
        };
        if (!(horizon >= 0) || std::isinf(horizon)) refuse("horizon", horizon, "at least 0 and finite");
        if (!(least_chance > 0) || least_chance > 0.5)
            refuse("least_chance", least_chance, "above 0 and at most 0.5");
        if (!(warmup_share >= 0) || warmup_share >= 1)
            refuse("warmup_share", warmup_share, "at least 0 and below 1");
        if (minimum_trials < 1) refuse("minimum_trials", minimum_trials, "at least 1");
    }
};

/// Ends (or pauses) a trial whose forecast leaves it little chance of beating the best.
///
/// The forecast is CurveForecasts': where the trial's curve will end, as a normal distribution, from its own
/// points and from how far the study's curves lie apart. A trial that cannot pause is compared with the best
/// completed value, and stopped. One that can is compared with the best that is completed or expected of any
/// trial, and pauses; it goes on (`resume`) when none that is under way is better, for what was expected of
/// the others has not come true, and it has the most chance of beating the best completed value.
///
/// Out of order, repeated and missing reports: as curve(). A trial whose latest report is no finite number
/// has no chance. Without a horizon there is no decision before a trial has completed.
class CurvePrediction {
  public:
    CurvePrediction() = default;
    explicit CurvePrediction(CurvePredictionOptions options) : options_(std::move(options)) {
        options_.validate();
    }

    [[nodiscard]] static constexpr std::string_view name() { return "curve_prediction"; }
    [[nodiscard]] bool wants_pauses() const { return options_.pauses; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        if (!detail::just_reported(trial, objective.metric)) return {};
        const double end = horizon(study);
        if (!(end > 0)) return {};
        const double step = trial.reports.back().step;
        if (step <= options_.warmup_share * end || step >= end) return {};
        forecasts_.follow(study, objective, end);
        const auto& own = forecasts_.of(trial);
        const bool pauses = options_.pauses && trial.resumable;
        const auto [rival, reported] = best_of_others(trial, pauses);
        if (own.gone || reported < options_.minimum_trials || std::isinf(rival)) return {};
        const double chance = own.forecast.below(rival);
        const double mean = objective.loss(own.forecast.mean);
        const Metrics numbers{{"forecast", mean},
                              {"low", mean - 1.96 * own.forecast.deviation},
                              {"high", mean + 1.96 * own.forecast.deviation},
                              {"best", objective.loss(rival)},
                              {"chance", chance},
                              {"step", step}};
        if (chance >= options_.least_chance) return {};
        return {pauses ? Decision::pause : Decision::stop,
                fmt::format("{} is expected to end at {:.6g} +- {:.3g}, with a chance of {:.2g} of beating "
                            "the best, {:.6g}",
                            objective.metric, mean, own.forecast.deviation, chance, objective.loss(rival)),
                numbers};
    }

    /// The paused trial with the most chance of beating the best completed value, if nobody under way is
    /// expected to beat it.
    [[nodiscard]] std::optional<Resumption> resume(const Study& study) {
        if (!options_.pauses || study.count(TrialState::paused) == 0) return std::nullopt;
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        const double end = horizon(study);
        if (!(end > 0)) return std::nullopt;
        forecasts_.follow(study, objective, end);
        const double best = forecasts_.best_ended();
        if (std::isinf(best)) return std::nullopt;
        std::optional<Resumption> out;
        double most = options_.least_chance, under_way = 0;
        for (const std::int64_t number : study.unfinished()) {
            const TrialRecord& trial = study.trial(number);
            const auto& standing = forecasts_.of(trial);
            if (standing.gone) continue;
            const double chance = standing.forecast.below(best);
            if (trial.state == TrialState::running) under_way = std::max(under_way, chance);
            if (trial.state != TrialState::paused || chance < most) continue;
            most = chance;
            out = Resumption{number, std::nullopt,
                             fmt::format("it has a chance of {:.2g} of beating the best, {:.6g}", chance,
                                         objective.loss(best))};
        }
        return under_way > most ? std::nullopt : out;
    }

  private:
    [[nodiscard]] double horizon(const Study& study) {
        if (options_.horizon > 0) return options_.horizon;
        return longest_.steps(study);
    }

    /// The least loss of the other trials, completed or (where it counts) expected, and how many have any.
    [[nodiscard]] std::pair<double, int> best_of_others(const TrialRecord& trial, bool expected) const {
        double best = std::numeric_limits<double>::infinity();
        int reported = 0;
        for (std::size_t i = 0; i < forecasts_.standings().size(); ++i) {
            const auto& standing = forecasts_.standings()[i];
            if (standing.gone || static_cast<std::int64_t>(i) == trial.number) continue;
            ++reported;
            if (standing.rival && (standing.ended || expected)) best = std::min(best, standing.forecast.mean);
        }
        return {best, reported};
    }

    CurvePredictionOptions options_;
    CurveForecasts forecasts_;
    detail::LongestTraining longest_;
};

}  // namespace attune
