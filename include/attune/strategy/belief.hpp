#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/value.hpp"

namespace attune {

/// What the user holds likely about where good values of one parameter lie, before any trial.
struct Belief {
    std::string parameter;
    /// Of a number: the best value lies between these in about two of three cases. Equal ones: near it,
    /// within a tenth of the parameter's range, on its scale.
    std::optional<double> low{};
    std::optional<double> high{};
    std::vector<std::string> choices{};  ///< of a choice: it is one of these in about nine of ten cases
};

[[nodiscard]] inline Belief believe_between(std::string parameter, double low, double high) {
    return {std::move(parameter), low, high};
}
[[nodiscard]] inline Belief believe_near(std::string parameter, double value) {
    return {std::move(parameter), value, value};
}
[[nodiscard]] inline Belief believe_in(std::string parameter, std::vector<std::string> choices) {
    return {std::move(parameter), std::nullopt, std::nullopt, std::move(choices)};
}

/// Reads "0.01" (near it), "0.001..0.1" (between) and "adam|sgd" (one of these choices; of a single choice as
/// "adam"). Numbers may be choices as well.
[[nodiscard]] inline Belief belief_from(const std::string& parameter, std::string_view text) {
    const auto number = [](std::string_view part) -> std::optional<double> {
        double value = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (error != std::errc{} || end != part.data() + part.size()) return std::nullopt;
        return value;
    };
    Belief belief{parameter};
    if (const auto dots = text.find(".."); dots != std::string_view::npos) {
        const auto low = number(text.substr(0, dots)), high = number(text.substr(dots + 2));
        if (low && high) {
            belief.low = *low;
            belief.high = *high;
            return belief;
        }
    }
    if (const auto value = number(text)) belief.low = belief.high = *value;
    for (std::string_view rest = text;;) {
        const auto bar = rest.find('|');
        belief.choices.emplace_back(rest.substr(0, bar));
        if (bar == std::string_view::npos) return belief;
        rest.remove_prefix(bar + 1);
    }
}

}  // namespace attune
