#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/gp/bounded_minimise.hpp"
#include "attune/gp/regression.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {

/// Log-normal prior of a positive number x: log x is normal with mean `location` and standard deviation
/// `scale`. The density is that of x itself, so its mode is exp(location - scale^2).
struct LogNormalPrior {
    double location = 0.0;
    double scale = 1.0;

    /// Log density at x, up to a constant, given log x.
    [[nodiscard]] double log_density(double log_x) const {
        const double z = (log_x - location) / scale;
        return -0.5 * z * z - log_x;
    }
    /// Derivative of log_density with respect to log x.
    [[nodiscard]] double slope(double log_x) const { return -(log_x - location) / (scale * scale) - 1.0; }
    [[nodiscard]] double mode() const { return std::exp(location - scale * scale); }
    void validate(const char* name) const {
        if (!std::isfinite(location) || !(scale > 0.0) || !std::isfinite(scale))
            throw InvalidOption(std::string(name) + " (" + std::to_string(location) + ", " +
                                std::to_string(scale) +
                                "): the location must be finite and the scale positive");
    }
};

/// Prior of the length scales that grows with the dimension d so that the model stays as complex as in low
/// dimensions: LogNormal(sqrt 2 + log(d)/2, sqrt 3) (Hvarfner et al., "Vanilla Bayesian Optimization Performs
/// Great in High Dimensions", 2024).
inline LogNormalPrior dimension_scaled_prior(std::size_t dimensions) {
    return {std::sqrt(2.0) + 0.5 * std::log(static_cast<double>(std::max<std::size_t>(dimensions, 1))),
            std::sqrt(3.0)};
}

/// An interval of a positive hyperparameter; equal ends hold it fixed.
struct Bounds {
    double low = 0.0;
    double high = 0.0;

    void validate(const char* name) const {
        if (!(low > 0.0) || !(low <= high) || !std::isfinite(high))
            throw InvalidOption(std::string(name) + " bounds [" + std::to_string(low) + ", " +
                                std::to_string(high) + "]: need 0 < low <= high");
    }
};

/// How hyperparameters are fitted. Targets are thought to be standardised.
struct RegressionFitOptions {
    Bounds length_scale{0.01, 100.0};
    Bounds signal_variance{0.01, 100.0};
    Bounds noise_variance{1e-6, 1.0};
    std::optional<LogNormalPrior> length_scale_prior;  ///< none: maximum likelihood
    std::optional<LogNormalPrior>
        discrete_scale_prior;  ///< of choices and presence; none: as the other length scales
    std::optional<LogNormalPrior> signal_variance_prior;  ///< none: maximum likelihood
    std::optional<LogNormalPrior> noise_variance_prior;   ///< none: maximum likelihood
    std::optional<double> fixed_mean;                     ///< none: the mean that maximises the likelihood
    std::size_t refined_starts = 2;                       ///< how many of the start points are followed up
    detail::MinimiseLimits limits;

    /// The priors that tuning uses: dimension-scaled length scales, a signal variance near that of the
    /// targets and a noise of about 1 % of it, which data may move by orders of magnitude.
    static RegressionFitOptions with_priors(std::size_t dimensions) {
        RegressionFitOptions options;
        options.length_scale_prior = dimension_scaled_prior(dimensions);
        options.discrete_scale_prior = LogNormalPrior{options.length_scale_prior->location, 1.0};
        options.signal_variance_prior = LogNormalPrior{1.0, 1.0};
        options.noise_variance_prior = LogNormalPrior{-4.0, 1.5};
        return options;
    }

    void validate() const {
        length_scale.validate("length_scale");
        signal_variance.validate("signal_variance");
        noise_variance.validate("noise_variance");
        if (length_scale_prior) length_scale_prior->validate("length_scale_prior");
        if (discrete_scale_prior) discrete_scale_prior->validate("discrete_scale_prior");
        if (signal_variance_prior) signal_variance_prior->validate("signal_variance_prior");
        if (noise_variance_prior) noise_variance_prior->validate("noise_variance_prior");
        if (fixed_mean && !std::isfinite(*fixed_mean))
            throw InvalidOption("fixed_mean = " + std::to_string(*fixed_mean) + ": must be finite");
        if (refined_starts == 0) throw InvalidOption("refined_starts = 0: must be at least 1");
    }
};

/// Log marginal likelihood with its derivatives with respect to the logs of the positive hyperparameters and
/// to the mean.
struct LikelihoodGradient {
    double value = -std::numeric_limits<double>::infinity();
    Eigen::VectorXd by_log_length_scales;
    double by_log_signal_variance = 0.0;
    double by_log_noise_variance = 0.0;
    double by_mean = 0.0;
    double mean = 0.0;  ///< the mean that was used: given, or the best one
};

/// The marginal likelihood of fixed data as a function of the hyperparameters (Rasmussen and Williams 2006,
/// section 5.4.1).
///
/// The squared distances of all pairs are kept component by component, so that an evaluation is one
/// matrix-vector product, one exponential a pair, one factorisation and one inverse. Not to be shared between
/// threads: it holds the work space of an evaluation.
template <CorrelationKernel Kernel = Matern52>
class MarginalLikelihood {
  public:
    MarginalLikelihood(const InputMetric& metric, const Points& points, const Eigen::VectorXd& targets)
        : targets_(targets), count_(points.rows()) {
        metric.require_columns(points.cols(), "points");
        if (count_ != targets.size() || count_ == 0)
            throw InvalidOption(detail::counted(count_, "point") + " with " + std::to_string(targets.size()) +
                                " targets: at least 1 point, and one target a point, are needed");
        const Eigen::Index pairs = count_ * (count_ - 1) / 2;
        distances_.resize(pairs, static_cast<Eigen::Index>(metric.components()));
        for (Eigen::Index j = 0, pair = 0; j < count_; ++j)
            for (Eigen::Index i = j + 1; i < count_; ++i, ++pair)
                metric.squared_distances(&points(i, 0), &points(j, 0), distances_.data() + pair, pairs);
        covariance_.resize(count_, count_);
        inverse_.resize(count_, count_);
    }

    [[nodiscard]] Eigen::Index size() const noexcept { return count_; }
    [[nodiscard]] Eigen::Index components() const noexcept { return distances_.cols(); }

    /// Evaluates at the given logs; without `mean` the best constant mean is used. -infinity where the
    /// covariance cannot be factorised.
    const LikelihoodGradient& evaluate(const Eigen::Ref<const Eigen::VectorXd>& log_length_scales,
                                       double log_signal_variance, double log_noise_variance,
                                       std::optional<double> mean) {
        const double signal = std::exp(log_signal_variance);
        const double noise = std::exp(log_noise_variance);
        weights_ = (-2.0 * log_length_scales.array()).exp().matrix();
        scaled_.matrix().noalias() = distances_ * weights_;
        slope_.resize(scaled_.size());
        correlation_.resize(scaled_.size());
        Kernel::correlate(scaled_, correlation_, slope_);
        fill(signal, noise);
        if (!factorise()) {
            result_.value = -std::numeric_limits<double>::infinity();
            result_.by_log_length_scales = Eigen::VectorXd::Zero(components());
            return result_;
        }
        invert();
        solve(mean);
        differentiate(signal, noise);
        return result_;
    }

  private:
    void fill(double signal, double noise) {
        for (Eigen::Index j = 0, pair = 0; j < count_; ++j) {
            covariance_(j, j) = signal + noise;
            const Eigen::Index below = count_ - j - 1;
            covariance_.col(j).tail(below) = signal * correlation_.segment(pair, below).matrix();
            pair += below;
        }
    }

    bool factorise() {
        Eigen::Ref<Eigen::MatrixXd> view(covariance_);
        const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> llt(view);
        return llt.info() == Eigen::Success && covariance_.diagonal().minCoeff() > 0.0;
    }

    /// Lower triangle of K^-1 from the factor.
    void invert() {
        factor_inverse_.setIdentity(count_, count_);
        covariance_.template triangularView<Eigen::Lower>().solveInPlace(factor_inverse_);
        inverse_.setZero();
        inverse_.template selfadjointView<Eigen::Lower>().rankUpdate(factor_inverse_.transpose());
    }

    void solve(std::optional<double> mean) {
        const auto inverse = inverse_.template selfadjointView<Eigen::Lower>();
        coefficients_.noalias() = inverse * targets_;
        ones_solved_.noalias() = inverse * Eigen::VectorXd::Ones(count_);
        const double precision = ones_solved_.sum();
        result_.mean = mean ? *mean : coefficients_.sum() / precision;
        coefficients_ -= result_.mean * ones_solved_;
        constexpr double half_log_two_pi = 0.91893853320467274178;
        result_.value = -0.5 * (targets_.array() - result_.mean).matrix().dot(coefficients_) -
                        covariance_.diagonal().array().log().sum() -
                        half_log_two_pi * static_cast<double>(count_);
        result_.by_mean = coefficients_.sum();
    }

    /// dL/dtheta = 1/2 tr((a a' - K^-1) dK/dtheta) with a = K^-1 (y - m).
    void differentiate(double signal, double noise) {
        double by_signal = 0.0;
        for (Eigen::Index j = 0, pair = 0; j < count_; ++j) {
            const Eigen::Index below = count_ - j - 1;
            auto weight = scaled_.segment(pair, below);  // scaled distances are no longer needed
            weight =
                coefficients_[j] * coefficients_.tail(below).array() - inverse_.col(j).tail(below).array();
            by_signal += (weight * correlation_.segment(pair, below)).sum();
            pair += below;
        }
        const double trace = coefficients_.squaredNorm() - inverse_.diagonal().sum();
        result_.by_log_signal_variance = signal * (by_signal + 0.5 * trace);
        result_.by_log_noise_variance = 0.5 * noise * trace;
        slope_ *= scaled_;
        result_.by_log_length_scales.noalias() = distances_.transpose() * slope_.matrix();
        result_.by_log_length_scales.array() *= -2.0 * signal * weights_.array();
    }

    Eigen::VectorXd targets_;
    Eigen::Index count_;
    Eigen::MatrixXd distances_;  ///< pairs x components, pairs in column order of the lower triangle
    Eigen::VectorXd weights_;
    Eigen::ArrayXd scaled_;
    Eigen::ArrayXd correlation_;
    Eigen::ArrayXd slope_;
    Eigen::MatrixXd covariance_;
    Eigen::MatrixXd factor_inverse_;
    Eigen::MatrixXd inverse_;
    Eigen::VectorXd coefficients_;
    Eigen::VectorXd ones_solved_;
    LikelihoodGradient result_;
};

/// Where a fit ended.
struct Fit {
    Hyperparameters hyperparameters;
    double log_posterior = -std::numeric_limits<double>::infinity();  ///< log likelihood plus log priors
    int evaluations = 0;
};

namespace detail {

/// Hyperparameters as the vector that the optimiser moves: logs of the length scales, of the signal, of the
/// noise.
inline Eigen::VectorXd packed(const Hyperparameters& h) {
    const Eigen::Index p = h.length_scales.size();
    Eigen::VectorXd theta(p + 2);
    theta.head(p) = h.length_scales.array().log().matrix();
    theta[p] = std::log(h.signal_variance);
    theta[p + 1] = std::log(std::max(h.noise_variance, 1e-300));
    return theta;
}

inline Hyperparameters unpacked(const Eigen::VectorXd& theta, double mean) {
    const Eigen::Index p = theta.size() - 2;
    Hyperparameters h;
    h.length_scales = theta.head(p).array().exp().matrix();
    h.signal_variance = std::exp(theta[p]);
    h.noise_variance = std::exp(theta[p + 1]);
    h.mean = mean;
    return h;
}

inline Eigen::VectorXd log_bounds(const RegressionFitOptions& options, Eigen::Index components,
                                  double Bounds::*end) {
    Eigen::VectorXd bound(components + 2);
    bound.head(components).setConstant(std::log(options.length_scale.*end));
    bound[components] = std::log(options.signal_variance.*end);
    bound[components + 1] = std::log(options.noise_variance.*end);
    return bound;
}

/// Adds a prior's log density and slope, both with the minus sign of a function to be minimised.
inline double subtract_prior(const std::optional<LogNormalPrior>& prior, double log_x, double& gradient) {
    if (!prior) return 0.0;
    gradient -= prior->slope(log_x);
    return -prior->log_density(log_x);
}

}  // namespace detail

/// Hyperparameters with the most posterior density (or likelihood, without priors), by L-BFGS-B from the best
/// `options.refined_starts` of `starts`. The same arguments give the same fit: whatever is random about the
/// starts is the caller's. At least one start is needed.
template <CorrelationKernel Kernel = Matern52>
Fit fit_hyperparameters(const InputMetric& metric, const Points& points, const Eigen::VectorXd& targets,
                        const std::vector<Hyperparameters>& starts, const RegressionFitOptions& options) {
    options.validate();
    if (starts.empty()) throw InvalidOption("0 starts: a fit needs at least 1");
    MarginalLikelihood<Kernel> likelihood(metric, points, targets);
    const Eigen::Index p = likelihood.components();
    const auto prior_of = [&](std::size_t c) -> const std::optional<LogNormalPrior>& {
        return metric.is_discrete(c) && options.discrete_scale_prior ? options.discrete_scale_prior
                                                                     : options.length_scale_prior;
    };
    double mean = 0.0;
    const auto objective = [&](const Eigen::VectorXd& theta, Eigen::VectorXd& gradient) {
        const LikelihoodGradient& l =
            likelihood.evaluate(theta.head(p), theta[p], theta[p + 1], options.fixed_mean);
        gradient.resize(p + 2);
        gradient.head(p) = -l.by_log_length_scales;
        gradient[p] = -l.by_log_signal_variance;
        gradient[p + 1] = -l.by_log_noise_variance;
        double value = -l.value;
        for (Eigen::Index j = 0; j < p; ++j)
            value += detail::subtract_prior(prior_of(static_cast<std::size_t>(j)), theta[j], gradient[j]);
        value += detail::subtract_prior(options.signal_variance_prior, theta[p], gradient[p]);
        value += detail::subtract_prior(options.noise_variance_prior, theta[p + 1], gradient[p + 1]);
        mean = l.mean;
        return value;
    };
    const Eigen::VectorXd low = detail::log_bounds(options, p, &Bounds::low);
    const Eigen::VectorXd high = detail::log_bounds(options, p, &Bounds::high);
    std::vector<std::pair<double, Eigen::VectorXd>> ranked;
    Eigen::VectorXd gradient;
    Fit fit;
    for (const Hyperparameters& start : starts) {
        start.validate(metric);
        Eigen::VectorXd theta = detail::packed(start).cwiseMax(low).cwiseMin(high);
        ranked.emplace_back(starts.size() > options.refined_starts ? objective(theta, gradient) : 0.0,
                            std::move(theta));
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    ranked.resize(std::min(ranked.size(), options.refined_starts));
    Eigen::VectorXd best = ranked.front().second;
    for (const auto& [value, theta] : ranked) {
        const detail::Minimum found = detail::bounded_minimise(objective, theta, low, high, options.limits);
        fit.evaluations += found.evaluations;
        if (-found.value > fit.log_posterior) {
            fit.log_posterior = -found.value;
            best = found.x;
        }
    }
    objective(best, gradient);
    fit.hyperparameters = detail::unpacked(best, mean);
    return fit;
}

}  // namespace attune
