#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/study/objective.hpp"

namespace attune {

/// A bound that a metric of the result must keep: `at_most("latency_ms", 20)`. What is known only after a
/// trial; what can be said of a configuration beforehand is a constraint of the space. A trial that breaks
/// one is evidence, but never the best nor on the Pareto front.
struct OutcomeConstraint {
    enum class Side { at_most, at_least };

    std::string metric;
    Side side = Side::at_most;
    double bound = 0;  ///< in units of the metric; finite

    /// How far a value lies beyond the bound, in units of the metric: 0 or less where the bound is kept.
    [[nodiscard]] double excess(double value) const {
        return side == Side::at_most ? value - bound : bound - value;
    }
    /// NaN keeps no bound.
    [[nodiscard]] bool kept_by(double value) const { return excess(value) <= 0; }

    /// As in "latency_ms <= 20".
    [[nodiscard]] std::string text() const {
        return fmt::format("{} {} {}", metric, side == Side::at_most ? "<=" : ">=", bound);
    }

    friend bool operator==(const OutcomeConstraint&, const OutcomeConstraint&) = default;
};

[[nodiscard]] inline OutcomeConstraint at_most(std::string metric, double bound) {
    return {std::move(metric), OutcomeConstraint::Side::at_most, bound};
}
[[nodiscard]] inline OutcomeConstraint at_least(std::string metric, double bound) {
    return {std::move(metric), OutcomeConstraint::Side::at_least, bound};
}

/// Reads "latency_ms <= 20" and "recall >= 0.9"; the metric may have any name without these signs. Throws
/// InvalidOption.
[[nodiscard]] inline OutcomeConstraint outcome_constraint_from(std::string_view text) {
    const auto trimmed = [](std::string_view part) {
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        return part;
    };
    const auto at = text.find_first_of("<>");
    const auto wrong = [&](std::string_view why) {
        return InvalidOption(fmt::format(
            "outcome constraint '{}': {}; write a metric, <= or >=, and a finite number", text, why));
    };
    if (at == std::string_view::npos) throw wrong("has neither <= nor >=");
    if (!text.substr(at + 1).starts_with('=')) throw wrong("compares by " + std::string(text.substr(at, 1)));
    const std::string_view metric = trimmed(text.substr(0, at));
    std::string_view number = trimmed(text.substr(at + 2));
    if (metric.empty()) throw wrong("names no metric");
    if (number.starts_with('+')) number.remove_prefix(1);
    double bound = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), bound);
    if (error != std::errc{} || end != number.data() + number.size() || !std::isfinite(bound))
        throw wrong(fmt::format("'{}' is no finite number", number));
    return text[at] == '<' ? at_most(std::string(metric), bound) : at_least(std::string(metric), bound);
}

/// As in "latency_ms <= 20; recall >= 0.9", or "none".
[[nodiscard]] inline std::string outcome_constraints_text(const std::vector<OutcomeConstraint>& constraints) {
    std::string text;
    for (const OutcomeConstraint& constraint : constraints)
        text += (text.empty() ? "" : "; ") + constraint.text();
    return text.empty() ? "none" : text;
}

/// Throws InvalidOption for a bound without a metric or that is not finite, and for two bounds of a metric
/// that no value keeps.
inline void check_outcome_constraints(const std::vector<OutcomeConstraint>& constraints) {
    using Side = OutcomeConstraint::Side;
    for (const OutcomeConstraint& constraint : constraints) {
        if (constraint.metric.empty() || !std::isfinite(constraint.bound))
            throw InvalidOption(
                fmt::format("outcome constraint '{}': needs a metric and a finite bound", constraint.text()));
        for (const OutcomeConstraint& other : constraints)
            if (constraint.metric == other.metric && constraint.side == Side::at_most &&
                other.side == Side::at_least && constraint.bound < other.bound)
                throw InvalidOption(fmt::format("outcome constraints '{}' and '{}': no value keeps both",
                                                constraint.text(), other.text()));
    }
}

/// How far the metrics lie beyond the bounds, summed, each as a share of the bound's magnitude (as itself
/// where the bound is 0): 0 where all are kept, infinite where a metric is missing or NaN. Orders trials that
/// keep none (Deb, "An efficient constraint handling method for genetic algorithms", 2000).
[[nodiscard]] inline double violation(const std::vector<OutcomeConstraint>& constraints,
                                      const Metrics& metrics) {
    double sum = 0;
    for (const OutcomeConstraint& constraint : constraints) {
        const auto value = metrics.find(constraint.metric);
        if (value == metrics.end() || std::isnan(value->second))
            return std::numeric_limits<double>::infinity();
        const double excess = constraint.excess(value->second);
        const double scale = std::abs(constraint.bound);
        if (excess > 0) sum += scale > 0 ? excess / scale : excess;
    }
    return sum;
}

}  // namespace attune
