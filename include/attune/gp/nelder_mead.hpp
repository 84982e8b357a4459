#pragma once

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// When a simplex search stops.
struct NelderMeadOptions {
    int evaluations = 0;        ///< at most; 0: 200 a dimension
    double change_of_x = 1e-8;  ///< largest difference of a coordinate within the simplex, and
    double change_of_f = 1e-8;  ///< largest difference of the values
    int restarts = 2;           ///< new simplices around the result, against false convergence

    /// Throws InvalidOption.
    void validate() const {
        if (evaluations < 0)
            throw InvalidOption(
                fmt::format("nelder mead: evaluations ({}) must not be negative", evaluations));
        if (!(change_of_x >= 0) || !(change_of_f >= 0))
            throw InvalidOption(
                fmt::format("nelder mead: change_of_x ({}) and change_of_f ({}) must not be negative",
                            change_of_x, change_of_f));
        if (restarts < 0)
            throw InvalidOption(fmt::format("nelder mead: restarts ({}) must not be negative", restarts));
    }
};

struct NelderMeadResult {
    Eigen::VectorXd x;
    double value = std::numeric_limits<double>::infinity();
    int evaluations = 0;
};

namespace detail {

/// One simplex of n + 1 points, with the coefficients of Nelder and Mead: 1, 2, 1/2 and 1/2.
template <class Function>
class Simplex {
  public:
    Simplex(const Function& f, Eigen::VectorXd low, Eigen::VectorXd high, int budget)
        : f_(f), low_(std::move(low)), high_(std::move(high)), budget_(budget) {}

    /// From a simplex around `start` until it is small or the evaluations are spent.
    NelderMeadResult search(const Eigen::VectorXd& start, const NelderMeadOptions& options) {
        spread(start);
        while (used_ < budget_) {
            std::stable_sort(corners_.begin(), corners_.end(),
                             [](const Corner& a, const Corner& b) { return a.value < b.value; });
            if (small(options)) break;
            step();
        }
        const auto best =
            std::min_element(corners_.begin(), corners_.end(),
                             [](const Corner& a, const Corner& b) { return a.value < b.value; });
        return {best->x, best->value, used_};
    }

  private:
    struct Corner {
        Eigen::VectorXd x;
        double value;
    };

    Corner at(const Eigen::VectorXd& x) {
        Corner corner{x.cwiseMax(low_).cwiseMin(high_), 0};
        corner.value = f_(corner.x);
        ++used_;
        if (std::isnan(corner.value)) corner.value = std::numeric_limits<double>::infinity();
        return corner;
    }

    void spread(const Eigen::VectorXd& start) {
        corners_ = {at(start)};
        for (Eigen::Index i = 0; i < start.size(); ++i) {
            Eigen::VectorXd x = corners_.front().x;
            x[i] = x[i] != 0 ? 1.05 * x[i] : 0.00025;
            if (x[i] > high_[i]) x[i] = std::max(2 * high_[i] - x[i], low_[i]);  // back into the box
            if (x[i] < low_[i]) x[i] = std::min(2 * low_[i] - x[i], high_[i]);
            corners_.push_back(at(x));
        }
    }

    [[nodiscard]] bool small(const NelderMeadOptions& options) const {
        double x = 0;
        for (const Corner& corner : corners_)
            x = std::max(x, (corner.x - corners_.front().x).cwiseAbs().maxCoeff());
        return x <= options.change_of_x &&
               corners_.back().value - corners_.front().value <= options.change_of_f;
    }

    void step() {
        const auto n = static_cast<double>(corners_.size() - 1);
        Corner& worst = corners_.back();
        Eigen::VectorXd centre = Eigen::VectorXd::Zero(worst.x.size());
        for (std::size_t i = 0; i + 1 < corners_.size(); ++i) centre += corners_[i].x / n;
        const auto beyond = [&](double factor) -> Eigen::VectorXd {
            return centre + factor * (centre - worst.x);
        };
        const Corner mirrored = at(beyond(1));
        if (mirrored.value < corners_.front().value) {
            const Corner further = at(beyond(2));
            worst = further.value < mirrored.value ? further : mirrored;
            return;
        }
        if (mirrored.value < corners_[corners_.size() - 2].value) {
            worst = mirrored;
            return;
        }
        const bool outside = mirrored.value < worst.value;
        const Corner nearer = at(beyond(outside ? 0.5 : -0.5));
        if (nearer.value < (outside ? mirrored.value : worst.value)) {
            worst = nearer;
            return;
        }
        for (std::size_t i = 1; i < corners_.size(); ++i)
            corners_[i] = at(corners_.front().x + 0.5 * (corners_[i].x - corners_.front().x));
    }

    const Function& f_;
    Eigen::VectorXd low_, high_;
    int budget_, used_ = 0;
    std::vector<Corner> corners_;
};

}  // namespace detail

/// Minimises `f(x)` within [low, high] (infinite where there are no bounds) from `start` without gradients
/// (Nelder and Mead 1965). For functions of few variables that are not smooth or of which no gradient is
/// known; NaN counts as infinitely bad. Throws InvalidOption for sizes that differ, an empty range or bad
/// options, and whatever `f` throws.
template <class Function>
NelderMeadResult nelder_mead(const Function& f, const Eigen::VectorXd& start, const Eigen::VectorXd& low,
                             const Eigen::VectorXd& high, const NelderMeadOptions& options = {}) {
    options.validate();
    if (start.size() == 0 || low.size() != start.size() || high.size() != start.size())
        throw InvalidOption(fmt::format("nelder mead: start has {} coordinates, low {} and high {}",
                                        start.size(), low.size(), high.size()));
    if (!(low.array() <= high.array()).all())
        throw InvalidOption("nelder mead: low must not be above high in any coordinate");
    const int budget = options.evaluations > 0
                           ? options.evaluations
                           : 200 * static_cast<int>(start.size()) * (1 + options.restarts);
    NelderMeadResult best;
    best.x = start.cwiseMax(low).cwiseMin(high);
    for (int run = 0; run <= options.restarts && best.evaluations < budget; ++run) {
        detail::Simplex<Function> simplex(f, low, high, budget - best.evaluations);
        const NelderMeadResult found = simplex.search(best.x, options);
        const double gain = best.value - found.value;
        best.evaluations += found.evaluations;
        if (found.value < best.value) best.x = found.x, best.value = found.value;
        if (run > 0 && !(gain > options.change_of_f)) break;
    }
    return best;
}

}  // namespace attune
