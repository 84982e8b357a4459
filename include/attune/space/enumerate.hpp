#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "attune/space/space.hpp"

namespace attune {

/// The values (native, ascending) that a grid takes of a parameter: all of a grid with at most `levels`
/// values, otherwise `levels` values evenly spaced on the parameter's scale, both ends among them (the middle
/// alone for one level). Throws InvalidOption for levels below 1.
[[nodiscard]] inline std::vector<double> axis_values(const Parameter& parameter, double levels) {
    if (!(levels >= 1))
        throw InvalidOption(
            fmt::format("grid: levels ({}) of parameter {} must be at least 1", levels, parameter.name));
    std::vector<double> values;
    if (parameter.cardinality() <= levels || parameter.kind == ParameterKind::categorical) {
        const auto count = static_cast<std::int64_t>(parameter.cardinality());
        for (std::int64_t k = 0; k < count; ++k)
            values.push_back(parameter.low == parameter.high && parameter.kind != ParameterKind::categorical
                                 ? parameter.low
                                 : parameter.grid_value(k));
        return values;
    }
    const auto count = static_cast<int>(levels);
    for (int k = 0; k < count; ++k) {
        const double share = count == 1 ? 0.5 : static_cast<double>(k) / (count - 1);
        const double value = k == 0 && count > 1           ? parameter.low
                             : k == count - 1 && count > 1 ? parameter.high
                                                           : parameter.decode(share);
        if (values.empty() || value > values.back()) values.push_back(value);
    }
    return values;
}

/// Calls `visit(configuration)` for every distinct configuration inside the constraints whose parameter i
/// takes a value of `axes[i]`, the last parameter turning fastest, until it returns false. Configurations
/// that differ only in the values of inactive parameters are one: it is visited where those have their first
/// value. Returns false when `visit` ended it or `limit` combinations were looked at, true when all were.
template <class Visit>
bool for_each_configuration(const SearchSpace& space, const std::vector<std::vector<double>>& axes,
                            Visit&& visit, std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
    std::vector<std::size_t> at(axes.size(), 0);
    for (std::uint64_t seen = 0; seen < limit; ++seen) {
        std::vector<double> native(axes.size());
        for (std::size_t i = 0; i < axes.size(); ++i) native[i] = axes[i][at[i]];
        const Configuration configuration = space.from_native(std::move(native));
        bool first = true;
        for (std::size_t i = 0; i < axes.size(); ++i) first &= configuration.active(i) || at[i] == 0;
        if (first && space.satisfies(configuration) && !visit(configuration)) return false;
        std::size_t digit = axes.size();
        while (digit > 0 && ++at[digit - 1] == axes[digit - 1].size()) at[--digit] = 0;
        if (digit == 0) return true;
    }
    return false;
}

}  // namespace attune
