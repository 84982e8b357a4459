#pragma once

#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/gp/acquisition.hpp"

namespace attune {

/// How raw objective values become the targets of a model.
enum class Warping {
    none,       ///< shifted and scaled to mean 0 and variance 1
    half_rank,  ///< the worse half by its ranks, the better half as it is, then shifted and scaled
    log_excess  ///< as half_rank, then the logarithm of the distance from just beyond the best value
};

/// A monotone map from raw objective values to targets of about unit scale that are to be minimised, learnt
/// from the values of a study.
///
/// Hyperparameter tuning has diverged runs whose losses are orders of magnitude beyond the rest; they would
/// spend the model's whole range. `Warping::half_rank` replaces values worse than the median by normal
/// quantiles of their ranks, on the scale of the better half, as Google's Vizier does (Song et al., "The
/// Vizier Gaussian Process Bandit Algorithm", 2024, section 4.1). Values that are not finite, such as those
/// of failed trials, get the worst target that a finite one has. `Warping::log_excess` goes on from there
/// with the logarithm of (value - best + a tenth of what lies between best and median), which spreads out
/// what a deep valley squeezes together. Ties stay ties. Between and beyond the values the map is linear, so
/// that predictions can be carried back.
class OutputTransform {
  public:
    OutputTransform(const std::vector<double>& values, Toward toward, Warping warping)
        : sign_(toward == Toward::lower ? 1.0 : -1.0) {
        std::vector<double> finite;
        for (const double v : values)
            if (std::isfinite(v)) finite.push_back(sign_ * v);
        std::sort(finite.begin(), finite.end());
        if (finite.empty()) finite.push_back(0.0);
        std::vector<double> warped = finite;
        shrink(warped);
        if (warping != Warping::none) warp_worse_half(warped);
        std::vector<double> log_slopes(warped.size(), 0.0);
        if (warping == Warping::log_excess) take_logarithm(warped, log_slopes);
        const double log_scale = standardise(warped);
        for (std::size_t i = 0; i < finite.size(); ++i)
            if (raw_.empty() || finite[i] > raw_.back()) {
                raw_.push_back(finite[i]);
                target_.push_back(warped[i]);
                log_slope_.push_back(log_slopes[i] + log_scale);
            }
    }

    /// The target of a raw value; of one that is not finite, the penalty.
    [[nodiscard]] double target(double value) const {
        return std::isfinite(value) ? interpolate(raw_, target_, sign_ * value) : penalty();
    }
    /// The raw value of a target: the inverse of `target` for finite values.
    [[nodiscard]] double restore(double target) const { return sign_ * interpolate(target_, raw_, target); }
    /// The target of trials that failed: the worst one of those that did not.
    [[nodiscard]] double penalty() const { return target_.back(); }
    /// The best target.
    [[nodiscard]] double best() const { return target_.front(); }

    /// Logarithm of the derivative of the target by the half-ranked value, up to a constant that all warpings
    /// share: what a likelihood of targets must be multiplied with to be one of values, so that warpings can
    /// be compared by it (Snelson, Ghahramani and Rasmussen, "Warped Gaussian Processes", 2003). That of the
    /// worst for values that are not finite.
    [[nodiscard]] double log_slope(double value) const {
        if (!std::isfinite(value)) return log_slope_.back();
        const auto at = std::lower_bound(raw_.begin(), raw_.end() - 1, sign_ * value);
        return log_slope_[static_cast<std::size_t>(at - raw_.begin())];
    }

  private:
    /// `values` ascend; unchanged where the better half is of equal values.
    static void take_logarithm(std::vector<double>& values, std::vector<double>& log_slopes) {
        const double best = values.front();
        const double offset = 0.1 * (values[values.size() / 2] - best);
        if (!(offset > 0.0)) return;
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] = std::log(values[i] - best + offset);
            log_slopes[i] = -values[i];
        }
    }

    /// `values` ascend, lower being better. Equal values get the mean of their ranks.
    static void warp_worse_half(std::vector<double>& values) {
        const std::size_t n = values.size();
        const double median = 0.5 * (values[(n - 1) / 2] + values[n / 2]);
        double square = 0.0;
        std::size_t better = 0;
        for (; better < n && values[better] <= median; ++better)
            square += (values[better] - median) * (values[better] - median);
        const double spread = std::sqrt(square / static_cast<double>(better));
        if (!(spread > 0.0)) return;
        for (std::size_t first = better; first < n;) {
            std::size_t last = first;
            while (last + 1 < n && values[last + 1] == values[first]) ++last;
            const double rank = 0.5 * static_cast<double>(first + last) + 0.5;
            const double quantile = rank / static_cast<double>(n);
            const double warped =
                median + spread * std::sqrt(2.0) * boost::math::erf_inv(2.0 * quantile - 1.0);
            for (std::size_t next = last + 1; first < next; ++first) values[first] = warped;
        }
    }

    /// Divides by the largest magnitude: squares of huge values must not overflow.
    static void shrink(std::vector<double>& values) {
        double largest = 0.0;
        for (const double v : values) largest = std::max(largest, std::abs(v));
        if (largest > 0.0)
            for (double& v : values) v /= largest;
    }

    /// Returns the logarithm of what the values were multiplied with.
    static double standardise(std::vector<double>& values) {
        const auto n = static_cast<double>(values.size());
        double mean = 0.0;
        for (const double v : values) mean += v / n;
        double square = 0.0;
        for (const double v : values) square += (v - mean) * (v - mean);
        const double deviation = n > 1 ? std::sqrt(square / (n - 1)) : 0.0;
        const bool flat = !(deviation > 1e-14);
        for (double& v : values) v = flat ? 0.0 : (v - mean) / deviation;
        return flat ? 0.0 : -std::log(deviation);
    }

    static double interpolate(const std::vector<double>& from, const std::vector<double>& to, double x) {
        if (from.size() == 1) return to.front() + (x - from.front());
        const auto upper = std::upper_bound(from.begin() + 1, from.end() - 1, x);
        const auto i = static_cast<std::size_t>(upper - from.begin());
        if (x == from[i]) return to[i];
        const double width = from[i] - from[i - 1];
        if (!(width > 0.0)) return to[i - 1];
        return to[i - 1] + (x - from[i - 1]) / width * (to[i] - to[i - 1]);
    }

    double sign_;
    std::vector<double> raw_;     ///< distinct, ascending, lower is better
    std::vector<double> target_;  ///< not descending
    std::vector<double> log_slope_;
};

}  // namespace attune
