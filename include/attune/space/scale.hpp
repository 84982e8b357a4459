#pragma once

#include <cmath>
#include <string>
#include <string_view>

#include "attune/error.hpp"

namespace attune {

/// How a numeric range is laid out on [0, 1].
///
/// linear: evenly. log: evenly in log x (needs low > 0). reverse_log: evenly in log(low + high - x), so that
/// the upper end is fine-grained (needs low > 0; Vizier's reverse log). logit: evenly in log(x / (1 - x)),
/// fine-grained at both ends (needs 0 < low and high < 1).
enum class Scale { linear, log, reverse_log, logit };

[[nodiscard]] constexpr std::string_view to_string(Scale scale) {
    constexpr std::string_view names[] = {"linear", "log", "reverse_log", "logit"};
    return names[static_cast<int>(scale)];
}

/// Throws UnknownName for a word that names no scale.
[[nodiscard]] inline Scale scale_from(std::string_view name) {
    for (const Scale scale : {Scale::linear, Scale::log, Scale::reverse_log, Scale::logit})
        if (to_string(scale) == name) return scale;
    throw UnknownName("scale '" + std::string(name) + "' is unknown; known: linear, log, reverse_log, logit");
}

namespace detail {

/// The strictly increasing warp of `scale` on the range [low, high]. Decimal logarithms, as ranges end at
/// powers of ten: their centres come out as people write them.
inline double warp(Scale scale, double x, double low, double high) {
    switch (scale) {
        case Scale::linear:
            return x;
        case Scale::log:
            return std::log10(x);
        case Scale::reverse_log:
            return -std::log10(low + (high - x));
        case Scale::logit:
            return std::log(x / (1 - x));
    }
    return x;
}

inline double unwarp(Scale scale, double t, double low, double high) {
    switch (scale) {
        case Scale::linear:
            return t;
        case Scale::log:
            return std::pow(10.0, t);
        case Scale::reverse_log:
            return low + (high - std::pow(10.0, -t));
        case Scale::logit:
            return 1 / (1 + std::exp(-t));
    }
    return t;
}

}  // namespace detail
}  // namespace attune
