#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "attune/space/space.hpp"

namespace attune {

/// How alike configurations are: a correlation from 0 to 1, with a length for each parameter, that is learned
/// from values which the configurations led to.
///
/// Matern 5/2 over the parameters' coordinates in the unit cube (Rasmussen and Williams, "Gaussian Processes
/// for Machine Learning", 2006, section 4.2); different choices count as far as the ends of a range, and so
/// does an end of it from where the parameter is inactive (nearly as far from its middle: distances that
/// points of a Euclidean space have, or else correlations would not be positive definite). A value type;
/// const members are thread-safe.
class ConfigurationLikeness {
  public:
    /// Coordinates of a configuration, one for each parameter that varies; NaN where inactive.
    using Place = std::vector<double>;

    ConfigurationLikeness() = default;
    explicit ConfigurationLikeness(const SearchSpace& space) {
        for (std::size_t i = 0; i < space.size(); ++i) {
            if (space[i].cardinality() == 1) continue;
            parameters_.push_back(i);
            is_choice_.push_back(space[i].kind == ParameterKind::categorical ? 1 : 0);
        }
        forget();
    }

    /// How many parameters vary; with none all configurations are alike.
    [[nodiscard]] std::size_t dimensions() const { return parameters_.size(); }
    [[nodiscard]] const std::vector<double>& lengths() const { return lengths_; }
    void set_lengths(std::vector<double> lengths) { lengths_ = std::move(lengths); }

    /// Lengths as before anything was learned: the more parameters, the longer, since distances grow.
    void forget() { lengths_.assign(dimensions(), 0.45 * std::sqrt(static_cast<double>(dimensions()))); }

    [[nodiscard]] Place place(const SearchSpace& space, const Configuration& configuration) const {
        Place out;
        for (const std::size_t i : parameters_) {
            const double native = configuration.native()[i];
            const bool choice = space[i].kind == ParameterKind::categorical;
            out.push_back(std::isnan(native) || choice ? native : space[i].position(native));
        }
        return out;
    }

    [[nodiscard]] double correlation(const Place& a, const Place& b) const {
        double square = 0;
        for (std::size_t j = 0; j < lengths_.size(); ++j)
            square += squared_distance(j, a[j], b[j]) / (lengths_[j] * lengths_[j]);
        const double r = std::sqrt(5 * square);
        return (1 + r + r * r / 3) * std::exp(-r);
    }

    /// Moves the lengths towards what makes the values the likeliest, by a search along one length at a time,
    /// which goes through all of them `passes` times by factors of 2 and as often by factors of 1.5 (only by
    /// the latter where `refine`). Costs some 3 * passes * dimensions factorisations of places.size() rows.
    void fit(const std::vector<const Place*>& places, std::vector<double> values, int passes, bool refine) {
        if (places.size() < 4 || !standardise(values)) return;
        double best = misfit(places, values);
        for (int pass = 0; pass < (refine ? passes : 2 * passes); ++pass) {
            const double factor = !refine && pass < passes ? 2 : 1.5;
            for (std::size_t j = 0; j < lengths_.size(); ++j) {
                for (const double by : {factor, 1 / factor}) {
                    const double kept = lengths_[j];
                    lengths_[j] = kept * by;
                    const bool within = lengths_[j] > 0.1 && lengths_[j] < 12;
                    const double now = within ? misfit(places, values) : best;
                    if (now < best) {
                        best = now;
                        break;
                    }
                    lengths_[j] = kept;
                }
            }
        }
    }

  private:
    [[nodiscard]] double squared_distance(std::size_t j, double a, double b) const {
        if (std::isnan(a) && std::isnan(b)) return 0;
        if (is_choice_[j] != 0) return a == b ? 0 : 1;
        const bool presence = std::isnan(a) || std::isnan(b);
        const double apart = (std::isnan(a) ? 0.5 : a) - (std::isnan(b) ? 0.5 : b);
        return apart * apart + (presence ? 0.75 : 0);
    }

    /// To mean 0 and variance 1; false where they do not differ.
    static bool standardise(std::vector<double>& values) {
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        if (!(*least < *most)) return false;
        const auto n = static_cast<double>(values.size());
        double mean = 0, square = 0;
        for (const double v : values) mean += v / n;
        for (double& v : values) v -= mean, square += v * v / n;
        if (!(square > 0) || !std::isfinite(square)) return false;
        for (double& v : values) v /= std::sqrt(square);
        return true;
    }

    /// Less the logarithm of the marginal likelihood, its scale integrated out, and of the lengths' prior.
    [[nodiscard]] double misfit(const std::vector<const Place*>& places,
                                const std::vector<double>& values) const {
        constexpr double noise = 0.03, mean_variance = 1;
        const std::size_t n = places.size();
        std::vector<double> factor(n * n), z(n);
        double logarithms = 0, square = 0;
        for (std::size_t i = 0; i < n; ++i) {
            double* row = factor.data() + i * n;
            for (std::size_t j = 0; j <= i; ++j) {
                const double* other = factor.data() + j * n;
                double x = correlation(*places[i], *places[j]) + mean_variance + (i == j ? noise : 0);
                for (std::size_t k = 0; k < j; ++k) x -= row[k] * other[k];
                row[j] = i == j ? std::sqrt(std::max(x, 1e-10)) : x / other[j];
            }
            double x = values[i];
            for (std::size_t k = 0; k < i; ++k) x -= row[k] * z[k];
            z[i] = x / row[i];
            square += z[i] * z[i];
            logarithms += std::log(row[i]);
        }
        const auto count = static_cast<double>(n);
        double out = 0.5 * count * std::log(std::max(square, 1e-12) / count) + logarithms;
        const double usual = 0.57 * std::sqrt(static_cast<double>(dimensions()));
        for (const double length : lengths_) {
            const double off = std::log(length / usual) / 0.8;
            out += 0.5 * off * off;
        }
        return out;
    }

    std::vector<std::size_t> parameters_;
    std::vector<char> is_choice_;
    std::vector<double> lengths_;
};

}  // namespace attune
