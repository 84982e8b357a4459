#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>

#include "attune/study/curve.hpp"

namespace attune {

/// What is believed of a trial's loss at the end of its training (less being better): a normal distribution.
struct CurveForecast {
    double mean = std::numeric_limits<double>::infinity();
    double deviation = 0;

    /// Probability that it ends below `loss`.
    [[nodiscard]] double below(double loss) const {
        if (std::isinf(mean)) return 0;
        if (!(deviation > 0)) return mean < loss ? 1 : 0;
        return 0.5 * std::erfc((mean - loss) / (deviation * std::sqrt(2.0)));
    }
};

/// A curve as forecasts need it: its latest loss and how it has changed of late.
///
/// `at` is how far it has come, on a scale on which training is from 1 to curve_length. The slopes are per
/// unit of the logarithm of `at`, over the last factor of 1.5 and over the factor of 2 before that.
struct CurveShape {
    double at = 1;
    double loss = std::numeric_limits<double>::infinity();
    std::optional<double> slope{};  ///< none: a single point, or all that is known is from one place
    double earlier_slope = 0;

    friend bool operator==(const CurveShape&, const CurveShape&) = default;
};

inline constexpr double curve_length = 52;

namespace detail {

/// Linear between points in the logarithm of the step.
[[nodiscard]] inline double loss_at(std::span<const CurvePoint> losses, double step) {
    if (step <= losses.front().step) return losses.front().value;
    if (step >= losses.back().step) return losses.back().value;
    const auto after = std::upper_bound(losses.begin(), losses.end(), step,
                                        [](double s, const CurvePoint& point) { return s < point.step; });
    const CurvePoint& b = *after;
    const CurvePoint& a = *(after - 1);
    if (!(a.step > 0)) return a.value + (b.value - a.value) * (step - a.step) / (b.step - a.step);
    return a.value + (b.value - a.value) * std::log(step / a.step) / std::log(b.step / a.step);
}

/// How far curves move on from a place, found by least squares on the curves of 34 tasks of LCBench (Zimmer,
/// Lindauer and Hutter, "Auto-PyTorch Tabular", 2021; as YAHPO Gym's surrogate gives them), the better curves
/// counting more. Each table was also tried with coefficients that had not seen its task: see
/// docs/early_stopping.md.
///
/// The change until the end is `recent * s + earlier * e + typical * spread`, where s and e are the slopes
/// times the logarithm of what is left; its deviation `floor * spread + activity * |s| + bend * |s - e|`.
/// Without slopes they are lone_change and lone_deviation times the spread.
struct CurveGrowth {
    double at, recent, earlier, typical, floor, activity, bend, lone_change, lone_deviation;
};

inline constexpr std::array<CurveGrowth, 15> curve_growth{{
    {1, 0.000, 0.000, 2.400, 1.8000, 0.0100, 0.0000, 4.843, 4.846},
    {2, 0.006, 0.006, 1.616, 1.1028, 0.0128, 0.0000, 1.795, 1.652},
    {3, 0.128, -0.022, 0.712, 0.6330, 0.0227, 0.0000, 1.078, 1.071},
    {4, 0.182, -0.025, 0.473, 0.4650, 0.0344, 0.0000, 0.811, 0.837},
    {5, 0.251, -0.024, 0.337, 0.3450, 0.0457, 0.0019, 0.664, 0.699},
    {6, 0.329, -0.039, 0.264, 0.2872, 0.0500, 0.0015, 0.569, 0.606},
    {8, 0.395, -0.058, 0.218, 0.2223, 0.0696, 0.0000, 0.448, 0.489},
    {10, 0.561, -0.132, 0.177, 0.1720, 0.0943, 0.0000, 0.373, 0.418},
    {13, 0.791, -0.228, 0.122, 0.1265, 0.1232, 0.0135, 0.298, 0.348},
    {16, 0.967, -0.299, 0.083, 0.0901, 0.1527, 0.0360, 0.246, 0.299},
    {20, 1.158, -0.379, 0.050, 0.0570, 0.2134, 0.0025, 0.194, 0.248},
    {26, 1.247, -0.414, 0.024, 0.0287, 0.2017, 0.0602, 0.137, 0.186},
    {35, 1.182, -0.353, 0.009, 0.0128, 0.1307, 0.1702, 0.074, 0.109},
    {45, 1.177, -0.303, 0.002, 0.0030, 0.1191, 0.1734, 0.026, 0.040},
    {51, 0.820, 0.027, 0.000, 0.0003, 0.0993, 0.3548, 0.003, 0.005},
}};

[[nodiscard]] inline CurveGrowth growth_at(double at) {
    if (at <= curve_growth.front().at) return curve_growth.front();
    if (at >= curve_growth.back().at) return curve_growth.back();
    const auto* above = std::upper_bound(curve_growth.begin(), curve_growth.end(), at,
                                         [](double x, const CurveGrowth& g) { return x < g.at; });
    const CurveGrowth& a = *(above - 1);
    const CurveGrowth& b = *above;
    const double w = std::log(at / a.at) / std::log(b.at / a.at);
    const auto mix = [w](double x, double y) { return x + w * (y - x); };
    return {at,
            mix(a.recent, b.recent),
            mix(a.earlier, b.earlier),
            mix(a.typical, b.typical),
            mix(a.floor, b.floor),
            mix(a.activity, b.activity),
            mix(a.bend, b.bend),
            mix(a.lone_change, b.lone_change),
            mix(a.lone_deviation, b.lone_deviation)};
}

}  // namespace detail

/// The shape of a curve of losses (in the order of the steps, finite) of a training that ends at step
/// `horizon`.
[[nodiscard]] inline CurveShape curve_shape(std::span<const CurvePoint> losses, double horizon) {
    CurveShape shape;
    if (losses.empty()) return shape;
    const double unit = horizon / curve_length;
    const double now = std::min(losses.back().step / unit, curve_length);
    shape.at = std::max(now, 1.0);
    shape.loss = losses.back().value;
    // What comes before the scale begins is the noise of starting weights.
    const double origin = std::max(1.0, losses.front().step / unit);
    const double near = std::max(origin, shape.at / 1.5);
    const double far = std::max(origin, shape.at / 3.0);
    if (losses.size() < 2 || !(shape.at > 1.001 * near)) return shape;
    const double middle = detail::loss_at(losses, near * unit);
    shape.slope = (shape.loss - middle) / std::log(shape.at / near);
    if (near > 1.001 * far)
        shape.earlier_slope = (middle - detail::loss_at(losses, far * unit)) / std::log(near / far);
    return shape;
}

/// Where a curve is going, but for the scale of its study: the forecast for a spread (of the differences
/// between the study's trials, in units of the metric) is drift - typical * spread, with the deviation
/// activity + floor * spread.
struct CurveOutlook {
    double drift = std::numeric_limits<double>::infinity();  ///< by the curve's own slopes alone
    double typical = 0;
    double activity = 0;
    double floor = 0;

    [[nodiscard]] CurveForecast forecast(double spread) const {
        return {drift - typical * spread, activity + floor * spread};
    }
};

/// A regression on the curve's level and its two latest slopes, with coefficients by how far it has come.
[[nodiscard]] inline CurveOutlook curve_outlook(const CurveShape& shape) {
    if (!std::isfinite(shape.loss)) return {};
    if (shape.at >= curve_length) return {shape.loss, 0, 0, 0};
    const detail::CurveGrowth growth = detail::growth_at(shape.at);
    if (!shape.slope) return {shape.loss, growth.lone_change, 0, growth.lone_deviation};
    const double left = std::log(curve_length / shape.at);
    const double recent = *shape.slope * left;
    const double earlier = shape.earlier_slope * left;
    return {shape.loss + growth.recent * recent + growth.earlier * earlier, growth.typical,
            growth.activity * std::abs(recent) + growth.bend * std::abs(recent - earlier), growth.floor};
}

}  // namespace attune
