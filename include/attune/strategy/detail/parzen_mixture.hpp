#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/strategy/detail/parzen_axis.hpp"
#include "attune/study/random_stream.hpp"

namespace attune::detail {

/// A density over the configurations of a space: one kernel for each configuration seen, and a wide one that
/// keeps it positive everywhere.
///
/// A kernel is a product over the parameters: a normal truncated to the range for numeric ones (the mass of a
/// value's cell where there is a grid), and for choices the seen one with most of the mass. On a conditional
/// space it is a density over the tree: a configuration's density has a factor for each of its active
/// parameters and no other, and a kernel whose own configuration does not have such a parameter is as the
/// wide one in it. So choices are weighed together with the parameters that they bring along, and parameters
/// that branches share learn from all of them.
///
/// Multivariate kernels: Falkner, Klein and Hutter, "BOHB", 2018. Const members are thread-safe.
class ParzenMixture {
  public:
    /// `centres` are configurations of `space`, which must outlive this; `weights` has one positive number
    /// for each and, last, that of the wide density.
    ParzenMixture(const SearchSpace& space, const std::vector<Configuration>& centres,
                  std::vector<double> weights, ParzenKernels kind = ParzenKernels::half_gap,
                  double wide_weight = 1)
        : space_(space), cumulative_(std::move(weights)) {
        double total = 0;
        for (double& weight : cumulative_) total += weight;
        for (const double weight : cumulative_) log_weights_.push_back(std::log(weight / total));
        std::partial_sum(cumulative_.begin(), cumulative_.end(), cumulative_.begin());
        for (std::size_t i = 0; i < space.size(); ++i) axes_.emplace_back(space[i], kind);
        spread_choice(kind, centres.size(), wide_weight);
        centres_.assign(centres.size(), std::vector<ParzenKernel>(space.size()));
        for (std::size_t i = 0; i < space.size(); ++i) {
            if (space[i].cardinality() == 1) continue;
            std::vector<ParzenKernel*> present;
            for (std::size_t k = 0; k < centres.size(); ++k) {
                const double native = centres[k].native()[i];
                centres_[k][i].place = is_choice(i) || std::isnan(native) ? native : axes_[i].place(native);
                if (!std::isnan(native)) present.push_back(&centres_[k][i]);
            }
            if (!is_choice(i)) axes_[i].set_widths(std::move(present), centres.size());
        }
    }

    /// A draw: native values, inactive parameters too, and whether it came from the wide density.
    struct Draw {
        std::vector<double> native;
        bool uniform;
    };
    [[nodiscard]] Draw draw(RandomStream& stream) const {
        const double chosen = stream.uniform() * cumulative_.back();
        const auto at = static_cast<std::size_t>(
            std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, chosen) - cumulative_.begin());
        Draw out{std::vector<double>(space_.size()), at >= centres_.size()};
        for (std::size_t i = 0; i < space_.size(); ++i) {
            const bool wide = out.uniform || std::isnan(centres_[at][i].place);
            out.native[i] = space_[i].cardinality() == 1 ? space_[i].decode(0.5)
                            : is_choice(i) ? choice(i, wide ? nullptr : &centres_[at][i], stream)
                            : wide         ? axes_[i].draw_wide(stream)
                                           : axes_[i].draw(centres_[at][i], stream);
        }
        return out;
    }

    /// Of a configuration of the space: a density over the scaled values of continuous parameters (over log10
    /// x on a logarithmic scale), a mass for those on a grid.
    [[nodiscard]] double log_density(const Configuration& configuration) const {
        std::vector<double> terms = log_weights_;
        for (std::size_t i = 0; i < space_.size(); ++i) {
            if (!configuration.active(i) || space_[i].cardinality() == 1) continue;
            const double native = configuration.native()[i];
            if (is_choice(i)) {
                for (std::size_t k = 0; k < terms.size(); ++k)
                    terms[k] +=
                        log_choice(i, k < centres_.size() ? centres_[k][i].place : std::nan(""), native);
                continue;
            }
            const ParzenAxis& axis = axes_[i];
            const ParzenAxis::Cell cell = axis.cell(native);
            const double wide = axis.log_wide(cell);
            for (std::size_t k = 0; k < terms.size(); ++k)
                terms[k] += k >= centres_.size() || std::isnan(centres_[k][i].place)
                                ? wide
                                : axis.log_factor(centres_[k][i], cell);
        }
        const double largest = *std::max_element(terms.begin(), terms.end());
        double sum = 0;
        for (const double term : terms) sum += std::exp(term - largest);
        return largest + std::log(sum);
    }

  private:
    [[nodiscard]] bool is_choice(std::size_t i) const { return space_[i].kind == ParameterKind::categorical; }

    /// Which share of a kernel's choice goes to all choices alike.
    void spread_choice(ParzenKernels kind, std::size_t centres, double wide_weight) {
        const auto count = static_cast<double>(centres);
        for (std::size_t i = 0; i < space_.size(); ++i) {
            const double all = wide_weight * space_[i].cardinality() / (count + 1);
            spread_.push_back(kind == ParzenKernels::half_gap ? 1 / (2 + count) : all / (1 + all));
        }
    }

    [[nodiscard]] double log_choice(std::size_t i, double centre, double native) const {
        const double even = 1 / space_[i].cardinality();
        if (std::isnan(centre)) return std::log(even);
        return std::log(spread_[i] * even + (centre == native ? 1 - spread_[i] : 0));
    }

    double choice(std::size_t i, const ParzenKernel* kernel, RandomStream& stream) const {
        if (kernel != nullptr && stream.uniform() >= spread_[i]) return kernel->place;
        return static_cast<double>(stream.below(static_cast<std::uint64_t>(space_[i].cardinality())));
    }

    const SearchSpace& space_;
    std::vector<double> cumulative_, log_weights_;
    std::vector<ParzenAxis> axes_;
    std::vector<double> spread_;  ///< by parameter, of choices
    std::vector<std::vector<ParzenKernel>> centres_;
};

}  // namespace attune::detail
