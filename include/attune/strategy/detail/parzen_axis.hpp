#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "attune/space/parameter.hpp"
#include "attune/study/random_stream.hpp"

namespace attune {

/// How wide the kernels of a Parzen estimator are.
///
/// half_gap: half of the larger gap to the neighbours or the ends of the range, beside a uniform density:
/// narrow where good values crowd. full_gap: the whole larger gap, at the ends that to the inner neighbour,
/// beside a normal as wide as the range: the estimator of the most used implementations (Bergstra et al.
/// 2011; Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components", 2023).
enum class ParzenKernels { half_gap, full_gap };

namespace detail {

/// One numeric parameter of one kernel.
struct ParzenKernel {
    double place = 0;     ///< on the scaled range, or the number of the choice; NaN where it is inactive
    double width = 1;     ///< standard deviation of the normal
    double log_mass = 0;  ///< of the normal inside the range
};

/// A numeric parameter on its scale (the logarithm of a logarithmic one), with truncated normals over it. On
/// a grid each value owns the cell of what lies within half a step of it, and the range is wider by half a
/// step at either end.
class ParzenAxis {
  public:
    ParzenAxis(const Parameter& parameter, ParzenKernels kind) : parameter_(&parameter), kind_(kind) {
        if (parameter.kind == ParameterKind::categorical || parameter.cardinality() == 1) return;
        low_ = place(parameter.low);
        high_ = place(parameter.high);
        if (parameter.is_grid()) {
            const double half = parameter.grid_step() / 2;
            // Where the scale does not reach as far, the outer half of a cell is as wide as its inner one.
            const double below = place(parameter.low - half), above = place(parameter.high + half);
            low_ = std::isfinite(below) ? below : 2 * low_ - place(parameter.low + half);
            high_ = std::isfinite(above) ? above : 2 * high_ - place(parameter.high - half);
        }
        wide_.place = kind == ParzenKernels::full_gap && parameter.is_grid()
                          ? (low_ + high_) / 2
                          : (place(parameter.low) + place(parameter.high)) / 2;
        wide_.width = high_ - low_;
        wide_.log_mass = std::log(mass(wide_, low_, high_));
    }

    [[nodiscard]] double place(double native) const {
        return warp(parameter_->scale, native, parameter_->low, parameter_->high);
    }

    /// A value, and on a grid its cell; else both ends are the value.
    struct Cell {
        double place, low, high;
    };
    [[nodiscard]] Cell cell(double native) const {
        const double at = place(native);
        if (!parameter_->is_grid()) return {at, at, at};
        const double half = parameter_->grid_step() / 2;
        return {at, native <= parameter_->low ? low_ : place(native - half),
                native >= parameter_->high ? high_ : place(native + half)};
    }

    /// Sets the widths of kernels with a place, of `centres` kernels in all (the wide one not counted).
    void set_widths(std::vector<ParzenKernel*> order, std::size_t centres) const {
        std::stable_sort(order.begin(), order.end(),
                         [](const ParzenKernel* a, const ParzenKernel* b) { return a->place < b->place; });
        const bool full = kind_ == ParzenKernels::full_gap;
        const double range = high_ - low_;
        const double least = range / std::min(100.0, 2 + static_cast<double>(centres));
        for (std::size_t k = 0; k < order.size(); ++k) {
            ParzenKernel& kernel = *order[k];
            const bool first = k == 0, last = k + 1 == order.size();
            double before = kernel.place - (first ? low_ : order[k - 1]->place);
            double after = (last ? high_ : order[k + 1]->place) - kernel.place;
            if (full && order.size() > 1 && first) before = 0;
            if (full && order.size() > 1 && last) after = 0;
            const double gap = std::max(before, after);
            kernel.width = std::clamp(full ? gap : gap / 2, least, range);
            kernel.log_mass = std::log(mass(kernel, low_, high_));
        }
    }

    [[nodiscard]] double log_factor(const ParzenKernel& kernel, const Cell& cell) const {
        if (cell.low < cell.high)  // a tail beyond what a double holds is left to the wide density
            return std::log(mass(kernel, cell.low, cell.high)) - kernel.log_mass;
        const double t = (cell.place - kernel.place) / kernel.width;
        constexpr double log_root_two_pi = 0.918938533204672741780;
        return -0.5 * t * t - log_root_two_pi - std::log(kernel.width) - kernel.log_mass;
    }

    [[nodiscard]] double log_wide(const Cell& cell) const {
        if (kind_ == ParzenKernels::full_gap) return log_factor(wide_, cell);
        const double size = cell.low < cell.high ? cell.high - cell.low : 1;
        return std::log(size / (high_ - low_));
    }

    /// A native value.
    double draw(const ParzenKernel& kernel, RandomStream& stream) const {
        for (;;) {  // a third or more of the normal is inside the range
            const double at = kernel.place + kernel.width * stream.normal();
            if (at >= low_ && at <= high_) return native(at);
        }
    }

    double draw_wide(RandomStream& stream) const {
        return kind_ == ParzenKernels::full_gap ? draw(wide_, stream) : native(stream.uniform(low_, high_));
    }

  private:
    [[nodiscard]] double native(double at) const {
        return parameter_->snap(unwarp(parameter_->scale, at, parameter_->low, parameter_->high));
    }

    /// Of a normal between two places, exact in the tails.
    static double mass(const ParzenKernel& kernel, double low, double high) {
        const double scale = kernel.width * 1.41421356237309504880;
        double a = (low - kernel.place) / scale, b = (high - kernel.place) / scale;
        if (a < 0 && b > 0) return 0.5 * (std::erf(b) - std::erf(a));
        if (b <= 0) std::swap(a, b), a = -a, b = -b;
        return 0.5 * (std::erfc(a) - std::erfc(b));
    }

    const Parameter* parameter_;
    ParzenKernels kind_;
    double low_ = 0, high_ = 1;
    ParzenKernel wide_;  ///< as wide as the range, in its middle
};

}  // namespace detail
}  // namespace attune
