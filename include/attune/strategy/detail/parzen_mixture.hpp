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
#include "attune/study/random_stream.hpp"

namespace attune::detail {

/// A density over the configurations of a space: one kernel for each configuration seen, and the uniform
/// density as one more, so that it is positive everywhere.
///
/// A kernel is a product over the parameters: a normal truncated to the unit interval for numeric ones (the
/// mass of a value's cell where there is a grid), and for choices the seen one with most of the mass. On a
/// conditional space it is a density over the tree: a configuration's density has a factor for each of its
/// active parameters and no other, and a kernel whose own configuration does not have such a parameter is
/// uniform in it. So choices are weighed together with the parameters that they bring along, and parameters
/// that branches share learn from all of them.
///
/// Multivariate kernels: Falkner, Klein and Hutter, "BOHB", 2018. Const members are thread-safe.
class ParzenMixture {
  public:
    /// `centres` are configurations of `space`, which must outlive this; `weights` has one positive number
    /// for each and, last, that of the uniform density.
    ParzenMixture(const SearchSpace& space, const std::vector<Configuration>& centres,
                  std::vector<double> weights)
        : space_(space), cumulative_(std::move(weights)) {
        double total = 0;
        for (double& weight : cumulative_) total += weight;
        for (const double weight : cumulative_) log_weights_.push_back(std::log(weight / total));
        std::partial_sum(cumulative_.begin(), cumulative_.end(), cumulative_.begin());
        const auto count = static_cast<double>(centres.size());
        spread_choice_ = 1 / (2 + count);
        centres_.assign(centres.size(), std::vector<Kernel>(space.size()));
        for (std::size_t i = 0; i < space.size(); ++i) {
            for (std::size_t k = 0; k < centres.size(); ++k)
                centres_[k][i].place = is_choice(i) || !centres[k].active(i)
                                           ? centres[k].native()[i]
                                           : space[i].encode(centres[k].native()[i]);
            if (!is_choice(i)) set_widths(i, 1 / std::min(100.0, 2 + count));
        }
    }

    /// A draw, as coordinates in the unit cube, and whether it came from the uniform density.
    struct Draw {
        std::vector<double> unit;
        bool uniform;
    };
    [[nodiscard]] Draw draw(RandomStream& stream) const {
        const double chosen = stream.uniform() * cumulative_.back();
        const auto at = static_cast<std::size_t>(
            std::upper_bound(cumulative_.begin(), cumulative_.end() - 1, chosen) - cumulative_.begin());
        Draw out{std::vector<double>(space_.size()), at >= centres_.size()};
        for (std::size_t i = 0; i < space_.size(); ++i)
            out.unit[i] = out.uniform || std::isnan(centres_[at][i].place) ? stream.uniform()
                                                                           : near(i, centres_[at][i], stream);
        return out;
    }

    /// Of a configuration of the space, up to a constant that is the same for every mixture over it.
    [[nodiscard]] double log_density(const Configuration& configuration) const {
        const std::vector<Cell> cells = cells_of(configuration);
        std::vector<double> terms;
        double largest = -std::numeric_limits<double>::infinity();
        for (std::size_t k = 0; k < log_weights_.size(); ++k) {
            double term = log_weights_[k];
            for (std::size_t i = 0; i < cells.size(); ++i)
                if (cells[i].active)
                    term += k < centres_.size() ? log_factor(i, centres_[k][i], cells[i]) : cells[i].log_size;
            terms.push_back(term);
            largest = std::max(largest, term);
        }
        double sum = 0;
        for (const double term : terms) sum += std::exp(term - largest);
        return largest + std::log(sum);
    }

  private:
    /// One parameter of one kernel.
    struct Kernel {
        double place = 0;     ///< on the unit interval, or the number of the choice; NaN where it is inactive
        double width = 1;     ///< standard deviation of the normal
        double log_mass = 0;  ///< of the normal inside the unit interval
    };
    /// One parameter of a configuration that is judged.
    struct Cell {
        bool active;
        double place;      ///< as above
        double low, high;  ///< on a grid: what is nearer to it than to other values; else both the place
        double log_size;   ///< of the cell under the uniform density; 0 where there is no grid
    };

    [[nodiscard]] bool is_choice(std::size_t i) const { return space_[i].kind == ParameterKind::categorical; }

    /// Each normal is as wide as the larger gap to its neighbours or to the ends of the interval: narrow
    /// where the kernels crowd, but never under `least`, below which so few points tell nothing.
    void set_widths(std::size_t i, double least) {
        std::vector<Kernel*> order;
        for (std::vector<Kernel>& centre : centres_)
            if (!std::isnan(centre[i].place)) order.push_back(&centre[i]);
        std::stable_sort(order.begin(), order.end(),
                         [](const Kernel* a, const Kernel* b) { return a->place < b->place; });
        for (std::size_t k = 0; k < order.size(); ++k) {
            Kernel& kernel = *order[k];
            const double before = k == 0 ? 0 : order[k - 1]->place;
            const double after = k + 1 == order.size() ? 1 : order[k + 1]->place;
            kernel.width = std::max(least, 0.5 * std::max(kernel.place - before, after - kernel.place));
            kernel.log_mass = std::log(mass(kernel, 0, 1));
        }
    }

    [[nodiscard]] std::vector<Cell> cells_of(const Configuration& configuration) const {
        std::vector<Cell> cells;
        for (std::size_t i = 0; i < space_.size(); ++i) {
            const Parameter& parameter = space_[i];
            const double native = configuration.native()[i];
            Cell cell{configuration.active(i) && parameter.cardinality() > 1, native, 0, 1, 0};
            if (cell.active && is_choice(i)) {
                cell.log_size = -std::log(parameter.cardinality());
            } else if (cell.active) {
                cell.place = cell.low = cell.high = parameter.encode(native);
                if (parameter.is_grid()) {
                    const double half = parameter.grid_step() / 2;
                    cell.low = native <= parameter.low ? 0 : parameter.encode(native - half);
                    cell.high = native >= parameter.high ? 1 : parameter.encode(native + half);
                    cell.log_size = std::log(cell.high - cell.low);
                }
            }
            cells.push_back(cell);
        }
        return cells;
    }

    [[nodiscard]] double log_factor(std::size_t i, const Kernel& kernel, const Cell& cell) const {
        if (std::isnan(kernel.place)) return cell.log_size;
        if (is_choice(i)) {
            const double other = spread_choice_ / space_[i].cardinality();
            return std::log(kernel.place == cell.place ? other + 1 - spread_choice_ : other);
        }
        if (cell.low < cell.high)  // a tail beyond what a double holds is left to the uniform density
            return std::log(mass(kernel, cell.low, cell.high)) - kernel.log_mass;
        const double t = (cell.place - kernel.place) / kernel.width;
        constexpr double log_root_two_pi = 0.918938533204672741780;
        return -0.5 * t * t - log_root_two_pi - std::log(kernel.width) - kernel.log_mass;
    }

    /// Of the normal between `low` and `high`; from the side on which it does not cancel.
    [[nodiscard]] static double mass(const Kernel& kernel, double low, double high) {
        const double place = kernel.place, scale = kernel.width * 1.41421356237309504880;
        if (low > place) return (std::erfc((low - place) / scale) - std::erfc((high - place) / scale)) / 2;
        return (std::erfc((place - high) / scale) - std::erfc((place - low) / scale)) / 2;
    }

    [[nodiscard]] double near(std::size_t i, const Kernel& kernel, RandomStream& stream) const {
        if (is_choice(i)) {
            const double fresh = stream.uniform();
            if (stream.uniform() < spread_choice_) return fresh;
            return (kernel.place + 0.5) / space_[i].cardinality();
        }
        for (;;) {  // a third or more of the normal is inside the interval
            const double place = kernel.place + kernel.width * stream.normal();
            if (place >= 0 && place <= 1) return place;
        }
    }

    const SearchSpace& space_;
    std::vector<double> cumulative_, log_weights_;

    double spread_choice_ = 0;  ///< share of a choice's mass that is spread over all choices
    std::vector<std::vector<Kernel>> centres_;
};

}  // namespace attune::detail
