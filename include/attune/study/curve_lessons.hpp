#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attune/study/curve_forecast.hpp"

namespace attune {

/// What a study's completed trials say about forecasts: how far off they would have been on the way, in
/// deviations of the forecast, at the places of detail::curve_growth.
///
/// Where curves of this study rise late (a learning rate that decays to the end), all forecasts are moved by
/// the mean error, shrunk as by two trials without error; where they are better or worse than their
/// deviations say, these are scaled as a variance with four observations of its prior. Costs O(places) a
/// completed trial.
class CurveLessons {
  public:
    /// Notes a trial that ended at `final`; `losses` in the order of the steps.
    void learn(std::int64_t trial, std::span<const CurvePoint> losses, double final, double horizon) {
        if (!std::isfinite(final)) return;
        std::vector<CurvePoint> points(losses.begin(), losses.end());
        std::erase_if(points, [](const CurvePoint& p) { return !std::isfinite(p.value); });
        for (std::size_t k = 0; k < places_.size(); ++k) {
            Place& place = places_[k];
            // In the order of the trials, whatever order they ended in: sums must not depend on it.
            auto at = std::lower_bound(place.lessons.begin(), place.lessons.end(), trial,
                                       [](const Lesson& lesson, std::int64_t n) { return lesson.trial < n; });
            if (at != place.lessons.end() && at->trial == trial) at = place.lessons.erase(at);
            const double step = detail::curve_growth[k].at * horizon / curve_length;
            const auto end = std::find_if(points.begin(), points.end(),
                                          [&](const CurvePoint& p) { return p.step > step * (1 + 1e-9); });
            if (end == points.end()) continue;
            const CurveShape shape = curve_shape(std::span(points.begin(), end), horizon);
            if (shape.slope) place.lessons.insert(at, {trial, final, curve_outlook(shape)});
        }
    }

    /// Draws the conclusions, for a spread of the study's trials.
    void draw(double spread) {
        for (Place& place : places_) {
            double count = 0, sum = 0, squares = 0;
            for (const Lesson& lesson : place.lessons) {
                const CurveForecast forecast = lesson.outlook.forecast(spread);
                if (!(forecast.deviation > 0)) continue;
                const double error =
                    std::clamp((lesson.final - forecast.mean) / forecast.deviation, -4.0, 4.0);
                count += 1;
                sum += error;
                squares += error * error;
            }
            place.shift = sum / (count + 2);
            const double rest = squares - 2 * place.shift * sum + count * place.shift * place.shift;
            place.stretch = std::sqrt((4 + std::max(0.0, rest)) / (4 + count));
        }
    }

    /// The forecast of a curve that has come to `at`, corrected.
    [[nodiscard]] CurveForecast corrected(CurveForecast forecast, double at) const {
        const auto& growth = detail::curve_growth;
        std::size_t k = 1;
        while (k + 1 < growth.size() && growth[k].at < at) ++k;
        const Place& before = places_[k - 1];
        const Place& after = places_[k];
        const double w =
            std::clamp(std::log(at / growth[k - 1].at) / std::log(growth[k].at / growth[k - 1].at), 0.0, 1.0);
        forecast.mean += (before.shift + w * (after.shift - before.shift)) * forecast.deviation;
        forecast.deviation *= before.stretch + w * (after.stretch - before.stretch);
        return forecast;
    }

  private:
    struct Lesson {
        std::int64_t trial;
        double final;
        CurveOutlook outlook;
    };
    struct Place {
        std::vector<Lesson> lessons;
        double shift = 0;
        double stretch = 1;
    };
    std::array<Place, detail::curve_growth.size()> places_;
};

}  // namespace attune
