#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "attune/error.hpp"

namespace attune {

/// Distribution function of Kumaraswamy's law on [0, 1], 1 - (1 - x^a)^b: a monotone map of the unit interval
/// on itself that stretches one end or the middle, for inputs whose effect is not even over their range
/// (Snoek et al., "Input Warping for Bayesian Optimization of Non-stationary Functions", 2014). a = b = 1
/// changes nothing.
struct KumaraswamyWarping {
    double a = 1.0;
    double b = 1.0;

    /// Throws InvalidOption unless both are positive and finite.
    void validate() const {
        if (!(a > 0.0) || !(b > 0.0) || !std::isfinite(a) || !std::isfinite(b))
            throw InvalidOption("Kumaraswamy warping with a = " + std::to_string(a) +
                                ", b = " + std::to_string(b) + ": both must be positive");
    }

    /// The warped coordinate of x in [0, 1]; values beyond count as the nearer end. Accurate at both ends.
    [[nodiscard]] double operator()(double x) const {
        if (x <= 0.0) return 0.0;
        if (x >= 1.0) return 1.0;
        return -std::expm1(b * std::log1p(-std::pow(x, a)));
    }

    /// Derivative by x in (0, 1).
    [[nodiscard]] double slope(double x) const {
        return a * b * std::pow(x, a - 1.0) * std::pow(1.0 - std::pow(x, a), b - 1.0);
    }

    /// The coordinate that `u` in [0, 1] is the warped one of.
    [[nodiscard]] double inverse(double u) const {
        if (u <= 0.0) return 0.0;
        if (u >= 1.0) return 1.0;
        return std::pow(-std::expm1(std::log1p(-u) / b), 1.0 / a);
    }
};

}  // namespace attune
