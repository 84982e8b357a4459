#pragma once

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// Named numbers: what a trial reports at a step and what it ends with. NaN and infinities are kept as they
/// are.
using Metrics = std::map<std::string, double, std::less<>>;

enum class Direction { minimize, maximize };

[[nodiscard]] constexpr std::string_view to_string(Direction direction) {
    return direction == Direction::minimize ? "minimize" : "maximize";
}

/// Decides between trials whose objective is equal, such as the loss between trials of the same accuracy.
struct TieBreak {
    std::string metric;
    Direction direction = Direction::minimize;

    friend bool operator==(const TieBreak&, const TieBreak&) = default;
};

/// A metric and which way is better. Several make a multi-objective study.
struct Objective {
    std::string metric;
    Direction direction = Direction::minimize;
    std::optional<TieBreak> tie_break{};  ///< used for the best trial alone, not by strategies

    /// The same with a second metric that decides between equals:
    /// `maximize("accuracy").then(minimize("loss"))`.
    [[nodiscard]] Objective then(const Objective& second) const {
        return {metric, direction, TieBreak{second.metric, second.direction}};
    }

    /// Whether a is strictly better than b; NaN is worse than every number and never better.
    [[nodiscard]] bool better(double a, double b) const {
        if (std::isnan(a)) return false;
        if (std::isnan(b)) return true;
        return direction == Direction::minimize ? a < b : a > b;
    }

    /// The value with its sign turned so that less is better.
    [[nodiscard]] double loss(double value) const {
        return direction == Direction::minimize ? value : -value;
    }

    /// Worse than every finite value.
    [[nodiscard]] double worst() const { return loss(std::numeric_limits<double>::infinity()); }

    friend bool operator==(const Objective&, const Objective&) = default;
};

[[nodiscard]] inline Objective minimize(std::string metric) {
    return {std::move(metric), Direction::minimize};
}
[[nodiscard]] inline Objective maximize(std::string metric) {
    return {std::move(metric), Direction::maximize};
}

/// Throws UnknownName for a word other than minimize and maximize.
[[nodiscard]] inline Direction direction_from(std::string_view name) {
    if (name == "minimize") return Direction::minimize;
    if (name == "maximize") return Direction::maximize;
    throw UnknownName("direction '" + std::string(name) + "' is unknown; known: minimize, maximize");
}

/// As in "maximize accuracy, then minimize loss; minimize seconds".
[[nodiscard]] inline std::string objectives_text(const std::vector<Objective>& objectives) {
    std::string text;
    for (const Objective& objective : objectives) {
        text += fmt::format("{}{} {}", text.empty() ? "" : "; ", to_string(objective.direction),
                            objective.metric);
        if (const auto& second = objective.tie_break)
            text += fmt::format(", then {} {}", to_string(second->direction), second->metric);
    }
    return text;
}

}  // namespace attune
