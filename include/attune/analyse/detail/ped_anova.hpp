#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "attune/space/space.hpp"

namespace attune::detail {

/// A parameter's values counted on a grid of few steps, and the density that these counts suggest: kernels
/// at the steps, of a width by Scott's rule ("Multivariate density estimation", 1992), and one more that
/// spreads over the whole range.
class SteppedDensity {
  public:
    explicit SteppedDensity(const Parameter& parameter) : parameter_(&parameter) {
        steps_ = number_of_steps();
        if (parameter.kind == ParameterKind::categorical) return;
        low_ = place(parameter.low);
        step_ = (place(parameter.high) - low_) / static_cast<double>(steps_ - 1);
    }

    /// At each step, for these native values; sums to 1.
    [[nodiscard]] std::vector<double> of(const std::vector<double>& natives) const {
        std::vector<double> counts(steps_, 0);
        for (const double native : natives) ++counts[step_of(native)];
        return parameter_->kind == ParameterKind::categorical ? of_choices(counts) : of_numbers(counts);
    }

  private:
    [[nodiscard]] double place(double native) const {
        return warp(parameter_->scale, native, parameter_->low, parameter_->high);
    }

    [[nodiscard]] std::size_t number_of_steps() const {
        constexpr double most = 50;
        const double count = parameter_->cardinality();
        if (parameter_->kind == ParameterKind::categorical) return static_cast<std::size_t>(count);
        if (!parameter_->is_grid()) return static_cast<std::size_t>(most);
        if (parameter_->scale == Scale::linear) return static_cast<std::size_t>(std::min(count, most));
        // On other scales most grid points crowd at one end.
        return static_cast<std::size_t>(std::min(std::ceil(std::log2(count)) + 1, most));
    }

    [[nodiscard]] std::size_t step_of(double native) const {
        if (parameter_->kind == ParameterKind::categorical) return static_cast<std::size_t>(native);
        const double at = std::ceil((place(native) - step_ / 2 - low_) / step_ - 1e-12);
        return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(steps_ - 1)));
    }

    [[nodiscard]] std::vector<double> of_choices(const std::vector<double>& counts) const {
        const auto n = static_cast<double>(steps_);
        const double total = std::accumulate(counts.begin(), counts.end(), 0.0) + 1;
        const auto seen = static_cast<double>(
            std::count_if(counts.begin(), counts.end(), [](double count) { return count > 0; }));
        const double other = 1 / (seen + 1);  // of one observation, before it is normalised
        const double whole = 1 + n * other;
        std::vector<double> density(steps_, 1 / n / total);
        for (std::size_t k = 0; k < steps_; ++k)
            for (std::size_t c = 0; c < steps_; ++c)
                density[k] += counts[c] / total * (other + (k == c ? 1 : 0)) / whole;
        return density;
    }

    [[nodiscard]] std::vector<double> of_numbers(const std::vector<double>& counts) const {
        const double trials = std::accumulate(counts.begin(), counts.end(), 0.0);
        const double total = trials + 1, last = static_cast<double>(steps_ - 1);
        const double width = scott_width(counts, trials);
        std::vector<double> density(steps_, 0);
        const auto add = [&](double centre, double sigma, double weight) {
            const auto below = [&](double x) {
                return 0.5 * std::erfc((centre - x) / sigma / 1.41421356237309504880);
            };
            const double inside = below(last + 0.5) - below(-0.5);
            for (std::size_t k = 0; k < steps_; ++k) {
                const auto x = static_cast<double>(k);
                density[k] += weight * (below(x + 0.5) - below(x - 0.5)) / inside;
            }
        };
        for (std::size_t k = 0; k < steps_; ++k)
            if (counts[k] > 0) add(static_cast<double>(k), width, counts[k] / total);
        add(last / 2, last + 1, 1 / total);
        return density;
    }

    /// From the spread and the range of the middle half, whichever is smaller; 90 % of a kernel fill a step
    /// at least.
    static double scott_width(const std::vector<double>& counts, double trials) {
        double mean = 0, squares = 0;
        for (std::size_t k = 0; k < counts.size(); ++k) mean += counts[k] / trials * static_cast<double>(k);
        for (std::size_t k = 0; k < counts.size(); ++k)
            squares += counts[k] * (static_cast<double>(k) - mean) * (static_cast<double>(k) - mean);
        const double spread = std::sqrt(squares / std::max(1.0, trials - 1));
        std::vector<double> values, cumulative;
        double sum = 0;
        for (std::size_t k = 0; k < counts.size(); ++k)
            if (counts[k] > 0)
                values.push_back(static_cast<double>(k)), cumulative.push_back(sum += counts[k]);
        const auto quarter = std::lower_bound(cumulative.begin(), cumulative.end(), std::floor(trials / 4));
        const auto three = std::upper_bound(cumulative.begin(), cumulative.end(), std::floor(trials * 3 / 4));
        const auto at = [&](auto found) {
            return values[std::min(values.size() - 1, static_cast<std::size_t>(found - cumulative.begin()))];
        };
        const double width =
            1.059 * std::min((at(three) - at(quarter)) / 1.34, spread) * std::pow(trials, -0.2);
        return std::max(width, 0.5 / 1.64);
    }

    const Parameter* parameter_;
    std::size_t steps_;
    double low_ = 0, step_ = 1;
};

/// Pearson divergence between where the good trials lie and where the others do (Watanabe, Bansal and Hutter,
/// "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces", 2023).
[[nodiscard]] inline double pearson_divergence(const std::vector<double>& good,
                                               const std::vector<double>& region) {
    double sum = 0;
    for (std::size_t k = 0; k < good.size(); ++k) {
        const double base = region[k] + 1e-12, ratio = (good[k] + 1e-12) / base - 1;
        sum += base * ratio * ratio;
    }
    return sum;
}

/// Which of `losses` (NaN-free) are within the best share `quantile`, at least two: the least loss that so
/// many do not exceed, and all that equal it.
[[nodiscard]] inline std::vector<bool> within_quantile(const std::vector<double>& losses, double quantile) {
    std::vector<double> sorted = losses;
    std::sort(sorted.begin(), sorted.end());
    const auto n = static_cast<double>(sorted.size());
    const auto wanted = static_cast<std::size_t>(std::max(1.0, std::ceil(quantile * n)));
    const std::size_t at = std::min(sorted.size(), std::max<std::size_t>(wanted, 2)) - 1;
    std::vector<bool> out;
    for (const double loss : losses) out.push_back(loss <= sorted[at]);
    return out;
}

}  // namespace attune::detail
