#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"

namespace attune {

/// Points of the unit cube, one a row: n x d. NaN marks a parameter that is inactive in that row; a
/// categorical dimension holds any number that tells its choices apart.
using Points = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// How two values of one dimension are compared.
enum class DimensionKind {
    numeric,     ///< by their difference: continuous, integer and stepped parameters
    categorical  ///< by equality alone
};

/// One dimension of the inputs of a Gaussian process.
struct InputDimension {
    DimensionKind kind = DimensionKind::numeric;
    bool conditional = false;  ///< whether it can be inactive (NaN)
};

/// What makes two configurations differ: a list of squared distances, each with a length scale of its own.
///
/// Component j < d belongs to dimension j: the squared difference of two numeric values, or 0 and 1 for equal
/// and different choices. A value that is inactive lies in the middle of the range, or as far from every
/// choice as the middle of very many is (1/2), so that two points in which a parameter is inactive are not
/// set apart by it. After them stands one component for each conditional dimension: 1 where exactly one of
/// the two points has it active, else 0; how much presence alone matters is learnt.
///
/// So weighted, the distances are those of points in a Euclidean space, whatever the weights, and every
/// correlation of it is positive definite. That would not hold for an inactive value that is equally far from
/// all numbers, since no point is equally far from three points of a line (Hutter and Osborne, "A kernel for
/// hierarchical parameter spaces", 2013, bend the line instead). Immutable after construction; may be read
/// from several threads.
class InputMetric {
  public:
    explicit InputMetric(std::vector<InputDimension> dimensions) : dimensions_(std::move(dimensions)) {
        if (dimensions_.empty()) throw InvalidOption("a metric of 0 dimensions: at least 1 is needed");
        for (std::size_t j = 0; j < dimensions_.size(); ++j)
            if (dimensions_[j].conditional) conditional_.push_back(j);
        for (const InputDimension& d : dimensions_)
            plain_ = plain_ && !d.conditional && d.kind == DimensionKind::numeric;
    }

    /// `count` numeric dimensions that are always active.
    static InputMetric numeric(std::size_t count) { return InputMetric(std::vector<InputDimension>(count)); }

    [[nodiscard]] std::size_t dimensions() const noexcept { return dimensions_.size(); }
    [[nodiscard]] std::size_t components() const noexcept { return dimensions_.size() + conditional_.size(); }
    [[nodiscard]] const InputDimension& dimension(std::size_t j) const { return dimensions_.at(j); }

    /// Whether every dimension is numeric and always active, so that nothing needs to be told apart.
    [[nodiscard]] bool is_plain() const noexcept { return plain_; }

    /// Whether component `c` is a choice or a presence, whose squared distance takes a few values of up to 1.
    [[nodiscard]] bool is_discrete(std::size_t c) const {
        return c >= dimensions_.size() || dimensions_[c].kind == DimensionKind::categorical;
    }

    /// Writes the squared distances of `a` and `b` (d values each) to `out[0], out[stride], ...`.
    void squared_distances(const double* a, const double* b, double* out, std::ptrdiff_t stride) const {
        for (std::size_t j = 0; j < dimensions_.size(); ++j, out += stride)
            *out = squared_distance(dimensions_[j], a[j], b[j]);
        for (const std::size_t j : conditional_) {
            *out = std::isnan(a[j]) != std::isnan(b[j]) ? 1.0 : 0.0;
            out += stride;
        }
    }

    /// Sum over the components of `weights[c]` times squared distance c.
    [[nodiscard]] double weighted(const double* a, const double* b, const double* weights) const {
        const std::size_t d = dimensions_.size();
        if (plain_) return plain_weighted(a, b, weights, d);
        double sum = 0.0;
        for (std::size_t j = 0; j < d; ++j) sum += weights[j] * squared_distance(dimensions_[j], a[j], b[j]);
        for (std::size_t c = 0; c < conditional_.size(); ++c)
            if (std::isnan(a[conditional_[c]]) != std::isnan(b[conditional_[c]])) sum += weights[d + c];
        return sum;
    }

    /// Derivative of `weighted` with respect to a[j]: zero where j is categorical or inactive in `a`.
    [[nodiscard]] double weighted_slope(std::size_t j, double a, double b, const double* weights) const {
        if (dimensions_[j].kind == DimensionKind::categorical || std::isnan(a)) return 0.0;
        return 2.0 * weights[j] * (a - or_middle(b));
    }

    /// Throws InvalidOption where `points` has another number of columns.
    void require_columns(Eigen::Index columns, const char* what) const {
        if (columns != static_cast<Eigen::Index>(dimensions_.size()))
            throw InvalidOption(std::string(what) + " with " + detail::counted(columns, "column") +
                                ": the metric has " + detail::counted(dimensions_.size(), "dimension"));
    }

  private:
    /// Four sums side by side: one alone would wait for each addition.
    static double plain_weighted(const double* a, const double* b, const double* weights, std::size_t d) {
        double sums[4] = {0.0, 0.0, 0.0, 0.0};
        std::size_t j = 0;
        for (; j + 4 <= d; j += 4)
            for (std::size_t k = 0; k < 4; ++k) {
                const double difference = a[j + k] - b[j + k];
                sums[k] += weights[j + k] * difference * difference;
            }
        for (; j < d; ++j) sums[j % 4] += weights[j] * (a[j] - b[j]) * (a[j] - b[j]);
        return (sums[0] + sums[2]) + (sums[1] + sums[3]);
    }

    static double or_middle(double unit) { return std::isnan(unit) ? 0.5 : unit; }

    static double squared_distance(const InputDimension& dimension, double a, double b) {
        if (dimension.conditional && (std::isnan(a) || std::isnan(b))) {
            if (std::isnan(a) && std::isnan(b)) return 0.0;
            if (dimension.kind == DimensionKind::categorical) return 0.5;
            a = or_middle(a), b = or_middle(b);
        }
        if (dimension.kind == DimensionKind::categorical) return a == b ? 0.0 : 1.0;
        return (a - b) * (a - b);
    }

    std::vector<InputDimension> dimensions_;
    std::vector<std::size_t> conditional_;
    bool plain_ = true;
};

}  // namespace attune
