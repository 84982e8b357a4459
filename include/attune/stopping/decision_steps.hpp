#pragma once

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/study/curve.hpp"

namespace attune {

/// At which steps a policy decides: from `first` on, and then once in each interval of `interval` steps, at
/// the first report in it. Steps are epochs, seconds or any count.
struct DecisionSteps {
    double first = -std::numeric_limits<double>::infinity();  ///< none before this step
    double interval = 0;                                      ///< 0: at every report

    /// Throws InvalidOption, beginning with `owner`.
    void validate(const std::string& owner) const {
        if (std::isnan(first)) throw InvalidOption(owner + ": steps.first (nan) must be a number");
        if (!(interval >= 0) || std::isinf(interval))
            throw InvalidOption(
                fmt::format("{}: steps.interval ({}) must be at least 0 and finite", owner, interval));
    }

    /// Whether the last point of a curve is one to decide at.
    [[nodiscard]] bool due(const std::vector<CurvePoint>& curve) const {
        const double step = curve.back().step;
        if (step < first) return false;
        if (interval == 0 || curve.size() < 2) return true;
        const double origin = std::isfinite(first) ? first : 0;
        const double begun = origin + std::floor((step - origin) / interval) * interval;
        return curve[curve.size() - 2].step < begun;
    }
};

}  // namespace attune
