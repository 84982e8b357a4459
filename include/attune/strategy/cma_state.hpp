#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/study/random_stream.hpp"

namespace attune {

/// The constants of an evolution strategy with covariance matrix adaptation for a dimension and a population,
/// by the formulas of Hansen, "The CMA evolution strategy: a tutorial", 2016 (with active updates).
struct CmaConstants {
    Eigen::VectorXd weights;  ///< of the solutions from the best to the worst; the second half is negative
    int mu = 0;               ///< how many count for the mean
    double mu_eff = 0;        ///< to how many equal ones these amount
    double c1 = 0;            ///< learning rate of the path's part of the covariance matrix
    double cmu = 0;           ///< and of the solutions' part
    double c_sigma = 0;       ///< of the path that the step size follows
    double d_sigma = 0;       ///< damping of the step size
    double cc = 0;            ///< of the path of the covariance matrix
    double chi_n = 0;         ///< expected length of a standard normal vector
    double cm = 1;            ///< learning rate of the mean

    /// Throws InvalidOption for a dimension below 1 or a population below 2.
    CmaConstants(int dimension, int population) {
        if (dimension < 1 || population < 2)
            throw InvalidOption(
                fmt::format("CMA-ES: dimension ({}) must be at least 1 and population ({}) at least 2",
                            dimension, population));
        const double n = dimension;
        mu = population / 2;
        weights.resize(population);
        for (int i = 0; i < population; ++i)
            weights[i] = std::log((population + 1) / 2.0) - std::log(i + 1.0);
        const auto effective = [](const auto& w) { return w.sum() * w.sum() / w.squaredNorm(); };
        mu_eff = effective(weights.head(mu));
        const double mu_eff_minus = effective(weights.tail(population - mu));
        c1 = 2 / ((n + 1.3) * (n + 1.3) + mu_eff);
        cmu = std::min(1 - c1 - 1e-8, 2 * (mu_eff - 2 + 1 / mu_eff) / ((n + 2) * (n + 2) + mu_eff));
        scale_weights(n, mu_eff_minus);
        c_sigma = (mu_eff + 2) / (n + mu_eff + 5);
        d_sigma = 1 + 2 * std::max(0.0, std::sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma;
        cc = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n);
        chi_n = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    }

    /// 4 + 3 ln n, rounded down.
    [[nodiscard]] static int default_population(std::size_t dimension) {
        return 4 + static_cast<int>(3 * std::log(static_cast<double>(std::max<std::size_t>(dimension, 1))));
    }

  private:
    /// Positive ones to a sum of 1, negative ones to one that keeps the matrix positive definite.
    void scale_weights(double n, double mu_eff_minus) {
        const double least =
            std::min({1 + c1 / cmu, 1 + 2 * mu_eff_minus / (mu_eff + 2), (1 - c1 - cmu) / (n * cmu)});
        double positive = 0, negative = 0;
        for (const double w : weights) (w >= 0 ? positive : negative) += std::abs(w);
        for (double& w : weights) w *= w >= 0 ? 1 / positive : least / negative;
    }
};

/// The normal distribution of an evolution strategy and how it learns: a mean, a step size, a covariance
/// matrix and the two paths that these follow.
///
/// A plain value of one dimension at least, usable on its own: draw a population by `sample`, then `tell` it
/// from the best to the worst. Minimising or maximising is the caller's order. One thread at a time; const
/// members are thread-safe.
class CmaState {
  public:
    using Vector = Eigen::VectorXd;
    using Matrix = Eigen::MatrixXd;

    /// Throws InvalidOption for a mean or step size that is not finite, a step size that is not above 0, and
    /// as CmaConstants does.
    CmaState(Vector mean, double sigma, int population)
        : constants_(static_cast<int>(mean.size()), population), mean_(std::move(mean)), sigma_(sigma) {
        if (!mean_.allFinite()) throw InvalidOption("CMA-ES: the mean must be finite");
        if (!(sigma > 0) || !std::isfinite(sigma))
            throw InvalidOption(fmt::format("CMA-ES: the step size ({}) must be above 0", sigma));
        const Eigen::Index n = mean_.size();
        path_sigma_ = path_covariance_ = Vector::Zero(n);
        covariance_ = axes_ = Matrix::Identity(n, n);
        lengths_ = Vector::Ones(n);
    }

    [[nodiscard]] const CmaConstants& constants() const { return constants_; }
    [[nodiscard]] int population() const { return static_cast<int>(constants_.weights.size()); }
    [[nodiscard]] int generation() const { return generation_; }  ///< populations told
    [[nodiscard]] const Vector& mean() const { return mean_; }
    [[nodiscard]] double sigma() const { return sigma_; }
    [[nodiscard]] const Matrix& covariance() const { return covariance_; }  ///< without sigma
    [[nodiscard]] const Vector& path_sigma() const { return path_sigma_; }
    [[nodiscard]] const Vector& path_covariance() const { return path_covariance_; }
    /// Standard deviation along a coordinate.
    [[nodiscard]] double deviation(Eigen::Index i) const { return sigma_ * std::sqrt(covariance_(i, i)); }
    /// Longest by shortest axis of the distribution, squared.
    [[nodiscard]] double condition() const {
        const double ratio = lengths_.maxCoeff() / lengths_.minCoeff();
        return ratio * ratio;
    }

    void move_mean(const Vector& mean) { mean_ = mean; }

    [[nodiscard]] Vector sample(RandomStream& stream) const {
        Vector z(mean_.size());
        for (Eigen::Index i = 0; i < z.size(); ++i) z[i] = stream.normal() * lengths_[i];
        return mean_ + sigma_ * (axes_ * z);
    }

    /// Learns from a population: one solution a column, from the best to the worst. Those in `foreign` (by
    /// column; none where it is empty) were not drawn from the present distribution: their steps are
    /// shortened to what it gives in all but rare cases (Hansen, "Injecting external solutions into CMA-ES",
    /// 2011). Throws InvalidOption for another number of solutions than the population, or where one is not
    /// finite.
    void tell(const Matrix& solutions, const std::vector<bool>& foreign = {}) {
        check(solutions);
        const CmaConstants& k = constants_;
        const Eigen::Index n = mean_.size();
        Matrix steps = (solutions.colwise() - mean_) / sigma_;
        const Matrix whitened = whiten(steps, foreign);
        const Vector moved = steps.leftCols(k.mu) * k.weights.head(k.mu);
        const Vector moved_white = whitened.leftCols(k.mu) * k.weights.head(k.mu);
        ++generation_;
        mean_ += k.cm * sigma_ * moved;
        path_sigma_ = (1 - k.c_sigma) * path_sigma_ +
                      std::sqrt(k.c_sigma * (2 - k.c_sigma) * k.mu_eff) * (axes_ * moved_white);
        const double path = path_sigma_.norm();
        sigma_ *= std::exp(k.c_sigma / k.d_sigma * (path / k.chi_n - 1));
        sigma_ = std::min(sigma_, 1e32);
        const double share = std::sqrt(1 - std::pow(1 - k.c_sigma, 2 * (generation_ + 1)));
        // A path that is still long says that the step size is too small: the matrix waits for it.
        const double steady = path / share < (1.4 + 2 / (static_cast<double>(n) + 1)) * k.chi_n ? 1 : 0;
        path_covariance_ =
            (1 - k.cc) * path_covariance_ + steady * std::sqrt(k.cc * (2 - k.cc) * k.mu_eff) * moved;
        adapt(steps, whitened, steady);
    }

  private:
    void check(const Matrix& solutions) const {
        if (solutions.rows() != mean_.size() || solutions.cols() != constants_.weights.size())
            throw InvalidOption(
                fmt::format("CMA-ES: {} solutions of dimension {} were told, wanted are {} of {}",
                            solutions.cols(), solutions.rows(), constants_.weights.size(), mean_.size()));
        if (!solutions.allFinite()) throw InvalidOption("CMA-ES: solutions must be finite");
    }

    /// Steps along the axes of the distribution in their lengths; shortens those of foreign solutions.
    [[nodiscard]] Matrix whiten(Matrix& steps, const std::vector<bool>& foreign) const {
        Matrix white = lengths_.cwiseInverse().asDiagonal() * (axes_.transpose() * steps);
        const auto n = static_cast<double>(mean_.size());
        const double longest = std::sqrt(n) + 2 * n / (n + 2);
        for (std::size_t i = 0; i < foreign.size(); ++i) {
            const auto column = static_cast<Eigen::Index>(i);
            const double length = white.col(column).norm();
            if (!foreign[i] || length <= longest) continue;
            white.col(column) *= longest / length;
            steps.col(column) *= longest / length;
        }
        return white;
    }

    void adapt(const Matrix& steps, const Matrix& whitened, double steady) {
        const CmaConstants& k = constants_;
        Vector weights = k.weights;
        for (Eigen::Index i = 0; i < weights.size(); ++i)
            if (weights[i] < 0)
                weights[i] *= static_cast<double>(mean_.size()) / (whitened.col(i).squaredNorm() + 1e-8);
        const double kept = 1 + k.c1 * (1 - steady) * k.cc * (2 - k.cc) - k.c1 - k.cmu * k.weights.sum();
        covariance_ = kept * covariance_ + k.c1 * path_covariance_ * path_covariance_.transpose() +
                      k.cmu * steps * weights.asDiagonal() * steps.transpose();
        covariance_ = (0.5 * (covariance_ + covariance_.transpose())).eval();
        const Eigen::SelfAdjointEigenSolver<Matrix> solver(covariance_);
        axes_ = solver.eigenvectors();
        // What rounding has made negative is as good as nothing, but must keep a root.
        constexpr double least = 1e-30;
        if (solver.eigenvalues().minCoeff() < least) {
            const Vector values = solver.eigenvalues().cwiseMax(least);
            covariance_ = axes_ * values.asDiagonal() * axes_.transpose();
            lengths_ = values.cwiseSqrt();
        } else {
            lengths_ = solver.eigenvalues().cwiseSqrt();
        }
    }

    CmaConstants constants_;
    Vector mean_;
    double sigma_;
    int generation_ = 0;
    Vector path_sigma_, path_covariance_;
    Matrix covariance_;
    Matrix axes_;     ///< eigenvectors of the covariance matrix
    Vector lengths_;  ///< and the roots of its eigenvalues
};

}  // namespace attune
