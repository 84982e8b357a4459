#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <boost/math/constants/constants.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// Which way an objective improves.
enum class Toward { lower, higher };

/// An acquisition at one point, with its derivatives with respect to the posterior mean and standard
/// deviation there.
struct Acquisition {
    double value = 0.0;
    double by_mean = 0.0;
    double by_sigma = 0.0;
};

namespace detail {

inline constexpr double half_log_two_pi = 0.91893853320467274178;

inline double normal_density(double z) { return std::exp(-0.5 * z * z - half_log_two_pi); }
inline double normal_cdf(double z) {
    return 0.5 * std::erfc(-z * boost::math::constants::one_div_root_two<double>());
}

/// The tail C(t) = 1/(t + 2/(t + 3/(t + ...))) of Laplace's continued fraction of Mills' ratio, for t >= 3.
/// Mills' ratio is 1/(t + C), and 1 - t times it is C/(t + C) without cancellation.
inline double mills_tail(double t) {
    double c = t;
    for (int k = 60; k >= 2; --k) c = t + k / c;
    return 1.0 / c;
}

inline constexpr double tail_start = -3.0;

}  // namespace detail

/// log of the standard normal distribution function, accurate in both tails.
inline double log_normal_cdf(double z) {
    if (z > 0.0) return std::log1p(-detail::normal_cdf(-z));
    if (z > detail::tail_start) return std::log(detail::normal_cdf(z));
    return -0.5 * z * z - detail::half_log_two_pi - std::log(-z + detail::mills_tail(-z));
}

/// Derivative of log_normal_cdf: density over distribution function.
inline double log_normal_cdf_slope(double z) {
    if (z > detail::tail_start) return detail::normal_density(z) / detail::normal_cdf(z);
    return -z + detail::mills_tail(-z);
}

/// A value and its derivative.
struct ValueAndSlope {
    double value = 0.0;
    double slope = 0.0;
};

/// log h(z) with h(z) = density(z) + z * cdf(z), the logarithm of the expected improvement of a standard
/// normal, finite for every finite z (Ament et al., "Unexpected Improvements to Expected Improvement", 2023).
inline ValueAndSlope log_h(double z) {
    if (z > detail::tail_start) {
        const double cdf = detail::normal_cdf(z);
        const double h = detail::normal_density(z) + z * cdf;
        return {std::log(h), cdf / h};
    }
    const double t = -z;
    const double c = detail::mills_tail(t);
    // h = density * C / (t + C), and cdf / h = 1 / C.
    return {-0.5 * t * t - detail::half_log_two_pi + std::log(c / (t + c)), 1.0 / c};
}

namespace detail {

inline double sign(Toward toward) { return toward == Toward::higher ? 1.0 : -1.0; }

/// Smallest standard deviation that the acquisitions divide by.
inline constexpr double smallest_sigma = 1e-150;

}  // namespace detail

/// Expected improvement over `best` (Mockus 1978; Jones et al. 1998).
inline Acquisition expected_improvement(double mean, double sigma, double best, Toward toward) {
    const double sign = detail::sign(toward);
    const double gain = sign * (mean - best);
    if (sigma < detail::smallest_sigma) return {std::max(gain, 0.0), gain > 0.0 ? sign : 0.0, 0.0};
    const double z = gain / sigma;
    const auto [log_value, slope] = log_h(z);
    const double value = sigma * std::exp(log_value);
    return {value, sign * detail::normal_cdf(z), detail::normal_density(z)};
}

/// Logarithm of the expected improvement: the same maximiser, but with usable values and slopes where the
/// improvement itself is too small for a double (Ament et al. 2023). -infinity where sigma is 0 and the mean
/// no better than `best`.
inline Acquisition log_expected_improvement(double mean, double sigma, double best, Toward toward) {
    const double sign = detail::sign(toward);
    const double gain = sign * (mean - best);
    if (sigma < detail::smallest_sigma) {
        if (gain > 0.0) return {std::log(gain), sign / gain, 0.0};
        return {-std::numeric_limits<double>::infinity(), 0.0, 0.0};
    }
    const double z = gain / sigma;
    const auto [value, slope] = log_h(z);
    return {std::log(sigma) + value, sign * slope / sigma, (1.0 - z * slope) / sigma};
}

/// Probability of improving on `best` (Kushner 1964).
inline Acquisition probability_of_improvement(double mean, double sigma, double best, Toward toward) {
    const double sign = detail::sign(toward);
    const double gain = sign * (mean - best);
    if (sigma < detail::smallest_sigma) return {gain > 0.0 ? 1.0 : 0.0, 0.0, 0.0};
    const double z = gain / sigma;
    const double density = detail::normal_density(z);
    return {detail::normal_cdf(z), sign * density / sigma, -z * density / sigma};
}

/// Logarithm of the probability of improving on `best`, accurate far from it.
inline Acquisition log_probability_of_improvement(double mean, double sigma, double best, Toward toward) {
    const double sign = detail::sign(toward);
    const double gain = sign * (mean - best);
    if (sigma < detail::smallest_sigma)
        return {gain > 0.0 ? 0.0 : -std::numeric_limits<double>::infinity(), 0.0, 0.0};
    const double z = gain / sigma;
    const double slope = log_normal_cdf_slope(z);
    return {log_normal_cdf(z), sign * slope / sigma, -z * slope / sigma};
}

/// Optimistic bound, to be maximised whichever way the objective improves: mean + sqrt(beta) * sigma, with
/// the mean's sign turned where lower is better (Srinivas et al. 2010). `beta` is not negative.
inline Acquisition upper_confidence_bound(double mean, double sigma, double beta, Toward toward) {
    if (!(beta >= 0.0)) throw InvalidOption("beta = " + std::to_string(beta) + ": must not be negative");
    const double sign = detail::sign(toward);
    const double root = std::sqrt(beta);
    return {sign * mean + root * sigma, sign, root};
}

/// Sizes of the smoothing of `q_log_expected_improvement`.
struct Smoothing {
    double improvement =
        1e-6;               ///< width of the rounded corner of max(y - best, 0), in units of the objective
    double maximum = 1e-2;  ///< width of the rounded maximum over the points of a batch, on the log scale
    bool fat = true;        ///< tails that fall as a power rather than exponentially, so that slopes survive

    void validate() const {
        if (!(improvement > 0.0) || !(maximum > 0.0))
            throw InvalidOption("smoothing widths " + std::to_string(improvement) + " and " +
                                std::to_string(maximum) + ": must be positive");
    }
};

namespace detail {

inline double log_softplus(double x) {
    // softplus(x) -> exp(x) far left, where the logarithm is x itself.
    if (x < -36.0) return x;
    return std::log(x > 36.0 ? x : std::log1p(std::exp(x)));
}

/// log of t * (softplus(x/t) + 0.1 / (1 + (x/t)^2)), or of t * softplus(x/t) where not fat.
inline double log_smooth_positive(double x, double t, bool fat) {
    const double u = x / t;
    if (!fat) return std::log(t) + log_softplus(u);
    const double softplus = u > 36.0 ? u : std::log1p(std::exp(u));
    return std::log(t) + std::log(softplus + 0.1 / (1.0 + u * u));
}

/// M + T * log sum_j 2/(2 + 2d + d^2), d = (M - a_j)/T; with exp(-d) instead where not fat.
inline double smooth_maximum(const Eigen::ArrayXd& a, double t, bool fat) {
    const double top = a.maxCoeff();
    if (!std::isfinite(top)) return top;
    double sum = 0.0;
    for (Eigen::Index j = 0; j < a.size(); ++j) {
        const double d = (top - a[j]) / t;
        sum += fat ? 2.0 / (2.0 + 2.0 * d + d * d) : std::exp(-d);
    }
    return top + t * std::log(sum);
}

inline double log_mean_exp(const Eigen::ArrayXd& a) {
    const double top = a.maxCoeff();
    if (!std::isfinite(top)) return top;
    return top + std::log((a - top).exp().mean());
}

inline void require_samples(const Eigen::MatrixXd& samples) {
    if (samples.size() == 0) throw InvalidOption("0 posterior samples: at least 1 of 1 point is needed");
}

}  // namespace detail

/// Expected improvement of a batch by samples (S x q, joint posterior draws, higher is better): the mean over
/// the draws of max_j (y_j - best)+ (Ginsbourger et al. 2010; Wilson et al. 2018).
inline double q_expected_improvement(const Eigen::MatrixXd& samples, double best) {
    detail::require_samples(samples);
    return (samples.rowwise().maxCoeff().array() - best).max(0.0).mean();
}

/// Smooth logarithm of q_expected_improvement (Ament et al. 2023, with the fat tails of its appendix).
inline double q_log_expected_improvement(const Eigen::MatrixXd& samples, double best,
                                         const Smoothing& smoothing = {}) {
    detail::require_samples(samples);
    smoothing.validate();
    Eigen::ArrayXd rows(samples.rows());
    Eigen::ArrayXd logs(samples.cols());
    for (Eigen::Index s = 0; s < samples.rows(); ++s) {
        for (Eigen::Index j = 0; j < samples.cols(); ++j)
            logs[j] = detail::log_smooth_positive(samples(s, j) - best, smoothing.improvement, smoothing.fat);
        rows[s] = detail::smooth_maximum(logs, smoothing.maximum, smoothing.fat);
    }
    return detail::log_mean_exp(rows);
}

/// Probability that a batch improves on `best`, by samples, smoothed by a sigmoid of width `width`.
inline double q_probability_of_improvement(const Eigen::MatrixXd& samples, double best, double width = 1e-3) {
    detail::require_samples(samples);
    if (!(width > 0.0)) throw InvalidOption("width = " + std::to_string(width) + ": must be positive");
    const Eigen::ArrayXd z = (samples.rowwise().maxCoeff().array() - best) / width;
    return (1.0 + (-z).exp()).inverse().mean();
}

/// Upper confidence bound of a batch by samples: the mean over the draws of max_j (m_j + sqrt(beta pi / 2)
/// |y_j - m_j|) with the sample means m_j (Wilson et al. 2017).
inline double q_upper_confidence_bound(const Eigen::MatrixXd& samples, double beta) {
    detail::require_samples(samples);
    if (!(beta >= 0.0)) throw InvalidOption("beta = " + std::to_string(beta) + ": must not be negative");
    const Eigen::RowVectorXd mean = samples.colwise().mean();
    const double width = std::sqrt(beta * boost::math::constants::half_pi<double>());
    const Eigen::MatrixXd bound = ((samples.rowwise() - mean).cwiseAbs() * width).rowwise() + mean;
    return bound.rowwise().maxCoeff().mean();
}

}  // namespace attune
