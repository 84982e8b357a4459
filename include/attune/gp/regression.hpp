#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "attune/error.hpp"
#include "attune/gp/kernel.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {

/// Posterior of the latent function (without noise) at one point.
struct Prediction {
    double mean = 0.0;
    double variance = 0.0;
};

/// A prediction with its derivatives with respect to the point; zero in categorical and inactive dimensions.
struct PredictionGradient {
    double mean = 0.0;
    double variance = 0.0;
    Eigen::VectorXd mean_gradient;
    Eigen::VectorXd variance_gradient;
};

/// Joint posterior of the latent function at several points.
struct JointPrediction {
    Eigen::VectorXd mean;
    Eigen::MatrixXd covariance;
};

/// What the data without point i says about target i, for every i (Rasmussen and Williams 2006,
/// section 5.4.2). The variance is that of the noisy target.
struct LeaveOneOut {
    Eigen::VectorXd mean;
    Eigen::VectorXd variance;
    double log_predictive_density = 0.0;  ///< sum over the points
};

namespace detail {

/// Dot product with a fixed order of summation, whatever the alignment: a factor grown row by row must equal
/// one computed at once, to the last bit.
inline double ordered_dot(const double* a, const double* b, Eigen::Index count) {
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
    Eigen::Index i = 0;
    for (; i + 4 <= count; i += 4) {
        s0 += a[i] * b[i];
        s1 += a[i + 1] * b[i + 1];
        s2 += a[i + 2] * b[i + 2];
        s3 += a[i + 3] * b[i + 3];
    }
    for (; i < count; ++i) s0 += a[i] * b[i];
    return (s0 + s2) + (s1 + s3);
}

/// The jitter after `jitter`: nothing, then 1e-10 of the signal variance, then ten times more each time.
inline double next_jitter(double jitter, double signal_variance) {
    return jitter == 0.0 ? 1e-10 * signal_variance : 10.0 * jitter;
}

}  // namespace detail

/// Exact Gaussian-process regression with given hyperparameters (Rasmussen and Williams 2006, algorithm 2.1).
///
/// The Cholesky factor is computed row by row, so that `append` gives, bit by bit, what building the model
/// from all the points gives. Where a pivot is not positive, a jitter is added to the diagonal and raised
/// tenfold until the factor exists; `jitter()` reports it. Const members may be called from several threads
/// at once.
template <CorrelationKernel Kernel = Matern52>
class GaussianProcessRegression {
  public:
    /// `points` is n x d with n >= 0, `targets` has n finite values.
    GaussianProcessRegression(InputMetric metric, Hyperparameters hyperparameters, const Points& points,
                              const Eigen::VectorXd& targets)
        : metric_(std::move(metric)), hyperparameters_(std::move(hyperparameters)) {
        hyperparameters_.validate(metric_);
        metric_.require_columns(points.cols(), "points");
        if (points.rows() != targets.size())
            throw InvalidOption(detail::counted(points.rows(), "point") + " with " +
                                std::to_string(targets.size()) + " targets: one target a point is needed");
        weights_ = detail::inverse_squares(hyperparameters_.length_scales);
        reserve(points.rows());
        for (Eigen::Index i = 0; i < points.rows(); ++i) push(points.row(i), targets[i]);
        solve_targets();
    }

    /// Adds one observation at the cost of O(n^2): `point` has d values.
    void append(const Eigen::RowVectorXd& point, double target) {
        metric_.require_columns(point.size(), "point");
        if (count_ == points_.rows()) reserve(std::max<Eigen::Index>(8, 2 * count_));
        push(point, target);
        solve_targets();
    }

    /// Replaces the mean by the constant that maximises the likelihood of the targets; O(n^2). Needs at least
    /// one point.
    void profile_mean() {
        if (count_ == 0) throw InvalidOption("0 points: a mean needs at least 1");
        Eigen::VectorXd ones = Eigen::VectorXd::Ones(count_);
        lower().solveInPlace(ones);
        const double shift = ones.dot(whitened_.head(count_)) / ones.squaredNorm();
        hyperparameters_.mean += shift;
        whitened_.head(count_) -= shift * ones;
        solve_targets();
    }

    [[nodiscard]] Eigen::Index size() const noexcept { return count_; }
    [[nodiscard]] const InputMetric& metric() const noexcept { return metric_; }
    [[nodiscard]] const Hyperparameters& hyperparameters() const noexcept { return hyperparameters_; }
    [[nodiscard]] auto points() const { return points_.topRows(count_); }
    [[nodiscard]] auto targets() const { return targets_.head(count_); }
    /// Lower triangular factor of the covariance of the targets, jitter included.
    [[nodiscard]] Eigen::MatrixXd factor() const {
        return factor_.topLeftCorner(count_, count_).template triangularView<Eigen::Lower>();
    }
    /// What was added to the diagonal beyond the noise to make the factor exist; usually 0.
    [[nodiscard]] double jitter() const noexcept { return jitter_; }

    /// Log density of the targets under the model, with its -n/2 log(2 pi).
    [[nodiscard]] double log_marginal_likelihood() const {
        constexpr double half_log_two_pi = 0.91893853320467274178;
        double sum = 0.0;
        for (Eigen::Index i = 0; i < count_; ++i)
            sum -= 0.5 * whitened_[i] * whitened_[i] + std::log(factor_(i, i)) + half_log_two_pi;
        return sum;
    }

    [[nodiscard]] Prediction predict(const Eigen::RowVectorXd& point) const {
        metric_.require_columns(point.size(), "point");
        Eigen::ArrayXd scratch;
        Eigen::ArrayXd covariance;
        detail::covariance_row<Kernel>(metric_, weights_.data(), hyperparameters_.signal_variance,
                                       point.data(), points_, count_, scratch, covariance);
        const double mean = hyperparameters_.mean + covariance.matrix().dot(coefficients_);
        Eigen::VectorXd v = covariance.matrix();
        lower().solveInPlace(v);
        return {mean, std::max(0.0, hyperparameters_.signal_variance - v.squaredNorm())};
    }

    /// Predictions for every row of `points`, sharing one blocked solve.
    void predict(const Points& points, Eigen::VectorXd& mean, Eigen::VectorXd& variance) const {
        metric_.require_columns(points.cols(), "points");
        Eigen::MatrixXd cross = cross_covariance(points);
        mean = cross.transpose() * coefficients_;
        mean.array() += hyperparameters_.mean;
        lower().solveInPlace(cross);
        variance =
            (hyperparameters_.signal_variance - cross.colwise().squaredNorm().array()).max(0.0).matrix();
    }

    [[nodiscard]] PredictionGradient predict_with_gradient(const Eigen::RowVectorXd& point) const {
        metric_.require_columns(point.size(), "point");
        const double signal = hyperparameters_.signal_variance;
        Eigen::ArrayXd s(count_);
        Eigen::ArrayXd covariance(count_);
        Eigen::ArrayXd slope(count_);
        for (Eigen::Index i = 0; i < count_; ++i)
            s[i] = metric_.weighted(point.data(), &points_(i, 0), weights_.data());
        Kernel::correlate(s, covariance, slope);
        PredictionGradient result;
        result.mean = hyperparameters_.mean + signal * covariance.matrix().dot(coefficients_);
        Eigen::VectorXd v = signal * covariance.matrix();
        lower().solveInPlace(v);
        result.variance = std::max(0.0, signal - v.squaredNorm());
        upper().solveInPlace(v);
        const Eigen::VectorXd by_mean = (signal * slope * coefficients_.array()).matrix();
        const Eigen::VectorXd by_variance = (-2.0 * signal * slope * v.array()).matrix();
        differentiate(point, by_mean, by_variance, result);
        return result;
    }

    [[nodiscard]] JointPrediction predict_jointly(const Points& points) const {
        metric_.require_columns(points.cols(), "points");
        Eigen::MatrixXd cross = cross_covariance(points);
        JointPrediction result;
        result.mean = cross.transpose() * coefficients_;
        result.mean.array() += hyperparameters_.mean;
        lower().solveInPlace(cross);
        result.covariance = prior_covariance(points) - cross.transpose() * cross;
        return result;
    }

    /// Joint draws of the latent function at `points` (q x d), one a row: `normals` is S x q, independent
    /// standard normal.
    [[nodiscard]] Eigen::MatrixXd sample(const Points& points, const Eigen::MatrixXd& normals) const {
        if (normals.cols() != points.rows())
            throw InvalidOption("normals with " + detail::counted(normals.cols(), "column") + " for " +
                                detail::counted(points.rows(), "point") + ": one a point is needed");
        const JointPrediction joint = predict_jointly(points);
        const Eigen::Index q = points.rows();
        double jitter = 0.0;
        for (;;) {
            const Eigen::LLT<Eigen::MatrixXd> llt(joint.covariance +
                                                  jitter * Eigen::MatrixXd::Identity(q, q));
            if (llt.info() == Eigen::Success)
                return (normals * llt.matrixL().transpose()).rowwise() + joint.mean.transpose();
            jitter = detail::next_jitter(jitter, hyperparameters_.signal_variance);
        }
    }

    [[nodiscard]] LeaveOneOut leave_one_out() const {
        const Eigen::MatrixXd inverse = lower().solve(Eigen::MatrixXd::Identity(count_, count_));
        const Eigen::ArrayXd precision = inverse.colwise().squaredNorm().transpose().array();
        LeaveOneOut result;
        result.variance = precision.inverse().matrix();
        result.mean = (targets_.head(count_).array() - coefficients_.array() / precision).matrix();
        constexpr double log_two_pi = 1.83787706640934548356;
        const Eigen::ArrayXd error = coefficients_.array() / precision;
        result.log_predictive_density =
            -0.5 * (log_two_pi - precision.log() + error.square() * precision).sum();
        return result;
    }

  private:
    [[nodiscard]] auto lower() const {
        return factor_.topLeftCorner(count_, count_).template triangularView<Eigen::Lower>();
    }

    [[nodiscard]] auto upper() const {
        return factor_.topLeftCorner(count_, count_).transpose().template triangularView<Eigen::Upper>();
    }

    void reserve(Eigen::Index capacity) {
        points_.conservativeResize(capacity, static_cast<Eigen::Index>(metric_.dimensions()));
        targets_.conservativeResize(capacity);
        whitened_.conservativeResize(capacity);
        factor_.conservativeResize(capacity, capacity);
    }

    void push(const Eigen::RowVectorXd& point, double target) {
        if (!std::isfinite(target))
            throw InvalidOption("target " + std::to_string(target) + ": must be finite");
        points_.row(count_) = point;
        targets_[count_] = target;
        const Eigen::Index first = count_;
        ++count_;
        for (Eigen::Index i = first; i < count_;) {
            if (factor_row(i)) {
                ++i;
                continue;
            }
            jitter_ = detail::next_jitter(jitter_, hyperparameters_.signal_variance);
            i = 0;  // every pivot contains the jitter: begin again
        }
    }

    /// Row i of the factor and of the whitened targets; false where the pivot is lost to rounding.
    bool factor_row(Eigen::Index i) {
        detail::covariance_row<Kernel>(metric_, weights_.data(), hyperparameters_.signal_variance,
                                       &points_(i, 0), points_, i, scratch_, row_);
        double* target_row = &factor_(i, 0);
        for (Eigen::Index j = 0; j < i; ++j)
            target_row[j] = (row_[j] - detail::ordered_dot(target_row, &factor_(j, 0), j)) / factor_(j, j);
        const double diagonal = hyperparameters_.signal_variance + hyperparameters_.noise_variance + jitter_;
        const double pivot = diagonal - detail::ordered_dot(target_row, target_row, i);
        if (!(pivot > 1e-14 * diagonal)) return false;
        target_row[i] = std::sqrt(pivot);
        whitened_[i] =
            (targets_[i] - hyperparameters_.mean - detail::ordered_dot(target_row, whitened_.data(), i)) /
            target_row[i];
        return true;
    }

    void solve_targets() {
        coefficients_ = whitened_.head(count_);
        upper().solveInPlace(coefficients_);
    }

    [[nodiscard]] Eigen::MatrixXd cross_covariance(const Points& points) const {
        Eigen::MatrixXd cross(count_, points.rows());
        Eigen::ArrayXd scratch;
        Eigen::ArrayXd column;
        for (Eigen::Index i = 0; i < points.rows(); ++i) {
            detail::covariance_row<Kernel>(metric_, weights_.data(), hyperparameters_.signal_variance,
                                           &points(i, 0), points_, count_, scratch, column);
            cross.col(i) = column.matrix();
        }
        return cross;
    }

    [[nodiscard]] Eigen::MatrixXd prior_covariance(const Points& points) const {
        Eigen::MatrixXd prior(points.rows(), points.rows());
        Eigen::ArrayXd scratch;
        Eigen::ArrayXd row;
        for (Eigen::Index i = 0; i < points.rows(); ++i) {
            detail::covariance_row<Kernel>(metric_, weights_.data(), hyperparameters_.signal_variance,
                                           &points(i, 0), points, i + 1, scratch, row);
            prior.row(i).head(i + 1) = row.matrix().transpose();
            prior.col(i).head(i + 1) = row.matrix();
        }
        return prior;
    }

    void differentiate(const Eigen::RowVectorXd& point, const Eigen::VectorXd& by_mean,
                       const Eigen::VectorXd& by_variance, PredictionGradient& result) const {
        const auto d = static_cast<Eigen::Index>(metric_.dimensions());
        if (metric_.is_plain()) {
            // sum_i w_i 2 (x - x_i) / l^2, as one product with all points.
            const auto rows = points_.topRows(count_);
            const Eigen::ArrayXd x = point.transpose().array();
            const Eigen::ArrayXd twice = 2.0 * weights_.head(d).array();
            const Eigen::ArrayXd seen_mean = (rows.transpose() * by_mean).array();
            const Eigen::ArrayXd seen_variance = (rows.transpose() * by_variance).array();
            result.mean_gradient = (twice * (by_mean.sum() * x - seen_mean)).matrix();
            result.variance_gradient = (twice * (by_variance.sum() * x - seen_variance)).matrix();
            return;
        }
        result.mean_gradient = Eigen::VectorXd::Zero(d);
        result.variance_gradient = Eigen::VectorXd::Zero(d);
        for (Eigen::Index i = 0; i < count_; ++i)
            for (Eigen::Index j = 0; j < d; ++j) {
                const double slope = metric_.weighted_slope(static_cast<std::size_t>(j), point[j],
                                                            points_(i, j), weights_.data());
                result.mean_gradient[j] += by_mean[i] * slope;
                result.variance_gradient[j] += by_variance[i] * slope;
            }
    }

    InputMetric metric_;
    Hyperparameters hyperparameters_;
    Eigen::VectorXd weights_;
    Eigen::Index count_ = 0;
    double jitter_ = 0.0;
    Points points_;
    Eigen::VectorXd targets_;
    Eigen::VectorXd whitened_;      ///< L^-1 (y - mean)
    Eigen::VectorXd coefficients_;  ///< K^-1 (y - mean)
    Points factor_;
    Eigen::ArrayXd scratch_;
    Eigen::ArrayXd row_;
};

}  // namespace attune
