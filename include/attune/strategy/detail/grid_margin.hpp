#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <cstddef>
#include <optional>

#include "attune/space/parameter.hpp"

namespace attune::detail {

/// Keeps the normal distribution of an evolution strategy from getting stuck on one value of a grid: at least
/// a margin of probability stays beyond either end of the cell that holds its mean (Hamano, Saito, Nomura and
/// Shirakawa, "CMA-ES with margin", 2022).
///
/// Works on one coordinate of the unit cube with the mean `mean` and the standard deviation
/// `stretch * deviation`; moves the first and the stretch.
class GridMargin {
  public:
    /// `margin` is the probability that stays outside, in both directions together; in (0, 1).
    GridMargin(const Parameter& parameter, double margin) : parameter_(parameter), margin_(margin) {}

    void correct(double& mean, double& stretch, double deviation) const {
        const double native = parameter_.decode(mean);
        const double half = parameter_.grid_step() / 2;
        std::optional<double> below, above;
        if (native > parameter_.low) below = parameter_.encode(native - half);
        if (native < parameter_.high) above = parameter_.encode(native + half);
        if (below && above)
            inside(*below, *above, mean, stretch, deviation);
        else if (below || above)
            outside(below ? *below : *above, mean, stretch * deviation);
    }

  private:
    /// How many standard deviations off an end is that is exceeded with this probability.
    static double quantile(double probability) {
        return 1.41421356237309504880 * boost::math::erfc_inv(2 * std::clamp(probability, 1e-300, 0.5));
    }
    static double tail(double deviations) { return 0.5 * std::erfc(deviations / 1.41421356237309504880); }

    /// In an outermost cell: the mean comes near enough to the cell's only end.
    void outside(double end, double& mean, double deviation) const {
        const double farthest = quantile(margin_) * deviation;
        if (std::abs(mean - end) > farthest) mean = mean > end ? end + farthest : end - farthest;
    }

    void inside(double below, double above, double& mean, double& stretch, double deviation) const {
        const double spread = stretch * deviation, least = margin_ / 2;
        const double under = tail((mean - below) / spread), over = tail((above - mean) / spread);
        if (under >= least && over >= least) return;
        const double between = 1 - under - over;
        double low = std::max(least, under), high = std::max(least, over);
        // What the margins took is given back by the others in proportion to what they have to spare.
        const double excess = 1 - low - high - between, spare = low + between + high - 1.5 * margin_;
        low += excess * (low - least) / spare;
        high += excess * (high - least) / spare;
        const double down = quantile(low), up = quantile(high);
        mean = (below * up + above * down) / (down + up);
        stretch = (above - below) / (deviation * (down + up));
    }

    const Parameter& parameter_;
    double margin_;
};

}  // namespace attune::detail
