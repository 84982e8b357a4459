#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "attune/study/curve.hpp"
#include "attune/study/curve_forecast.hpp"
#include "attune/study/curve_kinship.hpp"
#include "attune/study/curve_lessons.hpp"
#include "attune/study/study.hpp"
#include "attune/study/study_follower.hpp"

namespace attune {

/// Forecasts of all trials of a study: of those that ended, what they ended with; of the others, where their
/// curves are going, by their own points, by how far the study's curves lie apart, and by how right or wrong
/// the forecasts of those that ended would have been (CurveLessons), or of all that have come further, as far
/// as their configurations are alike (CurveKinship).
///
/// A cache over the study (StudyFollower): a look costs O(new events) and O(trials) where anything is new.
/// Losses are the watched objective's, less being better. One thread at a time.
class CurveForecasts {
  public:
    CurveForecasts() = default;
    /// Trials of like configurations inform each other. `first_look` is the step up to which all come.
    explicit CurveForecasts(double first_look) : first_look_(first_look) {}

    /// How a trial stands.
    struct Standing {
        CurveOutlook outlook{};
        double at = 1;  ///< of its CurveShape
        CurveForecast forecast{};
        double step = 0;     ///< the latest one; of a trial under way that is to pause, where it will be
        bool ended = false;  ///< completed: `forecast.mean` is what it has
        bool gone = true;    ///< stopped, failed, or without a number yet: no forecast
        bool rival = true;   ///< false where it broke an outcome constraint, so that none has to beat it
    };

    /// Brings the forecasts up to the study. `horizon` is the step at which trainings end.
    void follow(const Study& study, const Objective& objective, double horizon) {
        if (!(objective == objective_) || horizon != horizon_) follower_.forget();
        objective_ = objective;
        horizon_ = horizon;
        changed_.clear();
        follower_.follow(
            study,
            [&] {
                standings_.clear();
                lessons_ = {};
                kinship_.begin(study.space(), horizon, first_look_);
            },
            [&](const TrialRecord& trial) { changed_.push_back(trial.number); });
        if (changed_.empty()) return;
        standings_.resize(study.trials().size());
        std::sort(changed_.begin(), changed_.end());
        changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
        for (const std::int64_t number : changed_) look_at(study, study.trial(number));
        forecast_all();
    }

    /// By number of trial.
    [[nodiscard]] const std::vector<Standing>& standings() const { return standings_; }
    [[nodiscard]] const Standing& of(const TrialRecord& trial) const {
        return standings_[static_cast<std::size_t>(trial.number)];
    }
    /// The scale of differences between trials, in units of the metric; 0 while nothing differs.
    [[nodiscard]] double spread() const { return spread_; }
    /// The least loss of the completed trials that keep the outcome constraints; infinite where none is.
    [[nodiscard]] double best_ended() const { return best_ended_; }

  private:
    void look_at(const Study& study, const TrialRecord& trial) {
        Standing& standing = standings_[static_cast<std::size_t>(trial.number)];
        standing = {};
        if (trial.state == TrialState::completed) {
            const double value = trial.metric(objective_.metric);
            standing.gone = std::isnan(value);
            standing.ended = !standing.gone;
            standing.rival = study.keeps_constraints(trial);
            if (standing.ended) standing.outlook.drift = objective_.loss(value);
            standing.step = trial.reports.empty() ? horizon_ : trial.reports.back().step;
            if (!standing.ended) return tell_kin(study, trial, {}, false);
            std::vector<CurvePoint> points = losses(trial);
            if (!asks_kin()) return lessons_.learn(trial.number, points, standing.outlook.drift, horizon_);
            std::erase_if(points, [](const CurvePoint& p) { return !std::isfinite(p.value); });
            tell_kin(study, trial, points, true);
            return;
        }
        if (trial.state == TrialState::failed || trial.state == TrialState::stopped) {
            standing.step = trial.reports.empty() ? 0 : trial.reports.back().step;
            tell_kin(study, trial, {}, false);
            return;
        }
        std::vector<CurvePoint> points = losses(trial);
        standing.step = points.empty() ? 0 : points.back().step;
        const bool lost = !points.empty() && !std::isfinite(points.back().value);
        std::erase_if(points, [](const CurvePoint& p) { return !std::isfinite(p.value); });
        standing.gone = points.empty() && !lost;
        if (!lost) {
            const CurveShape shape = curve_shape(points, horizon_);
            standing.at = shape.at;
            standing.outlook = curve_outlook(shape);
        }
        if (lost) points.clear();
        tell_kin(study, trial, points, false);
        if (trial.state == TrialState::running) {
            const double goal = trial.until.value_or(horizon_);
            standing.step = std::max(standing.step, std::min(goal, horizon_));
        }
    }

    [[nodiscard]] bool asks_kin() const { return first_look_ > 0 && kinship_.tells(); }

    void tell_kin(const Study& study, const TrialRecord& trial, const std::vector<CurvePoint>& points,
                  bool ended) {
        if (!asks_kin()) return;
        const auto number = static_cast<std::size_t>(trial.number);
        kinship_.note(number, study.space(), trial.configuration, points, ended,
                      standings_[number].outlook.drift);
    }

    [[nodiscard]] std::vector<CurvePoint> losses(const TrialRecord& trial) const {
        std::vector<CurvePoint> points = curve(trial, objective_.metric);
        for (CurvePoint& p : points) p.value = objective_.loss(p.value);
        return points;
    }

    void forecast_all() {
        drifts_.clear();
        best_ended_ = std::numeric_limits<double>::infinity();
        for (const Standing& s : standings_) {
            if (s.gone || !std::isfinite(s.outlook.drift)) continue;
            drifts_.push_back(s.outlook.drift);
            if (s.ended && s.rival) best_ended_ = std::min(best_ended_, s.outlook.drift);
        }
        spread_ = width(drifts_);
        if (asks_kin())
            kinship_.draw(spread_);
        else
            lessons_.draw(spread_);
        for (std::size_t i = 0; i < standings_.size(); ++i) {
            Standing& s = standings_[i];
            if (s.gone) continue;
            s.forecast = s.outlook.forecast(spread_);
            if (s.ended || !std::isfinite(s.outlook.drift)) continue;
            s.forecast = asks_kin() ? kinship_.of(i) : lessons_.corrected(s.forecast, s.at);
        }
    }

    /// The deviation of a normal distribution with the same tenth and ninetieth percentile: diverged trials
    /// do not widen it.
    static double width(std::vector<double>& values) {
        if (values.size() < 2) return 0;
        const auto last = static_cast<double>(values.size() - 1);
        const auto quantile = [&](double q) {
            const auto place = values.begin() + static_cast<std::ptrdiff_t>(std::lround(q * last));
            std::nth_element(values.begin(), place, values.end());
            return *place;
        };
        const double low = quantile(0.1);
        return (quantile(0.9) - low) / 2.563;
    }

    Objective objective_;
    double horizon_ = 0;
    StudyFollower follower_;
    CurveLessons lessons_;
    double first_look_ = 0;  ///< 0: configurations do not count
    CurveKinship kinship_;
    std::vector<Standing> standings_;
    std::vector<std::int64_t> changed_;
    std::vector<double> drifts_;
    double spread_ = 0;
    double best_ended_ = std::numeric_limits<double>::infinity();
};

}  // namespace attune
