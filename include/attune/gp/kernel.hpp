#pragma once

#include <Eigen/Core>
#include <cmath>
#include <concepts>

#include "attune/gp/input_metric.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {

/// A stationary correlation as a compile-time policy.
///
/// `correlate(s, c)` writes to the array `c` the correlation c(s) at the squared scaled distances
/// s = sum_j D_j / l_j^2 of the array `s`; `correlate(s, c, slope)` adds the derivative dc/ds. Working with s
/// rather than with its root keeps the derivatives finite at distance 0 (Rasmussen and Williams, "Gaussian
/// Processes for Machine Learning", 2006, section 4.2.1).
template <class K>
concept CorrelationKernel = requires(const Eigen::ArrayXd& s, Eigen::ArrayXd& c) {
    { K::name } -> std::convertible_to<const char*>;
    K::correlate(s, c);
    K::correlate(s, c, c);
};

/// Matern 5/2: twice differentiable sample paths; the usual choice for tuning (Snoek et al. 2012).
struct Matern52 {
    static constexpr const char* name = "matern52";

    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c) {
        c = (5.0 * s).sqrt();
        c = (1.0 + c + (5.0 / 3.0) * s) * (-c).exp();
    }
    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c, Eigen::ArrayXd& slope) {
        c = (5.0 * s).sqrt();
        slope = (-c).exp();
        const double third = 5.0 / 3.0;
        for (Eigen::Index i = 0; i < s.size(); ++i) {
            const double linear = 1.0 + c[i];
            c[i] = (linear + third * s[i]) * slope[i];
            slope[i] *= -0.5 * third * linear;
        }
    }
};

/// Matern 3/2: once differentiable sample paths.
struct Matern32 {
    static constexpr const char* name = "matern32";

    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c) {
        c = (3.0 * s).sqrt();
        c = (1.0 + c) * (-c).exp();
    }
    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c, Eigen::ArrayXd& slope) {
        c = (3.0 * s).sqrt();
        slope = -1.5 * (-c).exp();
        c = (1.0 + c) * (slope * (-1.0 / 1.5));
    }
};

/// Matern 1/2, the exponential kernel: continuous, nowhere differentiable sample paths. The slope at distance
/// 0, which is infinite, is given as 0: there every derivative it is multiplied with vanishes.
struct Matern12 {
    static constexpr const char* name = "matern12";

    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c) { c = (-s.sqrt()).exp(); }
    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c, Eigen::ArrayXd& slope) {
        slope = s.sqrt();
        c = (-slope).exp();
        slope = (slope > 0.0).select(-0.5 * c / slope, 0.0);
    }
};

/// Squared exponential (Gaussian) kernel: infinitely smooth sample paths.
struct SquaredExponential {
    static constexpr const char* name = "rbf";

    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c) { c = (-0.5 * s).exp(); }
    static void correlate(const Eigen::ArrayXd& s, Eigen::ArrayXd& c, Eigen::ArrayXd& slope) {
        c = (-0.5 * s).exp();
        slope = -0.5 * c;
    }
};

/// The numbers that a fit finds. The covariance of two points is signal_variance * c(s); noise_variance
/// stands on the diagonal of the observed targets; `mean` is the prior mean everywhere.
struct Hyperparameters {
    Eigen::VectorXd length_scales;  ///< one a component of the metric, in units of the unit cube
    double signal_variance = 1.0;
    double noise_variance = 1e-4;
    double mean = 0.0;

    /// Throws InvalidOption unless every number is finite, scales and signal are positive and the noise is
    /// not negative.
    void validate(const InputMetric& metric) const {
        if (length_scales.size() != static_cast<Eigen::Index>(metric.components()))
            throw InvalidOption("length_scales has " + detail::counted(length_scales.size(), "value") +
                                ": the metric has " + std::to_string(metric.components()) + " components");
        for (Eigen::Index i = 0; i < length_scales.size(); ++i)
            require(length_scales[i] > 0, "length_scales", length_scales[i]);
        require(signal_variance > 0, "signal_variance", signal_variance);
        require(noise_variance >= 0, "noise_variance", noise_variance);
        require(true, "mean", mean);
    }

    friend bool operator==(const Hyperparameters& a, const Hyperparameters& b) {
        return a.length_scales.size() == b.length_scales.size() &&
               (a.length_scales.array() == b.length_scales.array()).all() &&
               a.signal_variance == b.signal_variance && a.noise_variance == b.noise_variance &&
               a.mean == b.mean;
    }

  private:
    static void require(bool in_range, const char* name, double value) {
        if (!in_range || !std::isfinite(value))
            throw InvalidOption(std::string(name) + " = " + std::to_string(value) +
                                ": must be finite, length scales and signal positive, noise not negative");
    }
};

namespace detail {

/// 1 / l^2 of every component: what the squared distances are weighted with.
inline Eigen::VectorXd inverse_squares(const Eigen::VectorXd& length_scales) {
    return length_scales.array().square().inverse().matrix();
}

/// Covariances of `point` with the first `count` rows of `points`; `scratch` and `out` are resized to
/// `count`.
template <CorrelationKernel Kernel>
void covariance_row(const InputMetric& metric, const double* weights, double signal_variance,
                    const double* point, const Points& points, Eigen::Index count, Eigen::ArrayXd& scratch,
                    Eigen::ArrayXd& out) {
    scratch.resize(count);
    out.resize(count);
    for (Eigen::Index i = 0; i < count; ++i) scratch[i] = metric.weighted(point, &points(i, 0), weights);
    Kernel::correlate(scratch, out);
    out *= signal_variance;
}

}  // namespace detail

}  // namespace attune
