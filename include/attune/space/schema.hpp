#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/condition.hpp"
#include "attune/space/expression.hpp"
#include "attune/space/handle.hpp"
#include "attune/space/parameter.hpp"

namespace attune {

/// The parameters, conditions and constraints that configurations share. Built through SearchSpace; immutable
/// once shared.
class Schema {
  public:
    std::vector<Parameter> parameters;
    std::vector<Expression> constraints;

    [[nodiscard]] std::size_t size() const { return parameters.size(); }

    [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
        for (std::size_t i = 0; i < parameters.size(); ++i)
            if (parameters[i].name == name) return i;
        return std::nullopt;
    }

    /// Throws InvalidConfiguration that lists the known names.
    [[nodiscard]] std::size_t index(std::string_view name) const {
        if (const auto found = find(name)) return *found;
        throw InvalidConfiguration(
            fmt::format("parameter '{}' is unknown; the space has: {}", name, names_text()));
    }

    [[nodiscard]] std::string names_text() const {
        std::string text;
        for (const Parameter& p : parameters) text += (text.empty() ? "" : ", ") + p.name;
        return text.empty() ? "no parameters" : text;
    }

    /// Whether `condition` holds for native values (NaN = inactive).
    [[nodiscard]] bool holds(const Condition& condition, const std::vector<double>& native) const {
        using Kind = Condition::Kind;
        const Condition::Node& node = condition.node();
        const auto part_holds = [&](const Condition& part) { return holds(part, native); };
        switch (node.kind) {
            case Kind::always:
                return true;
            case Kind::all_of:
                return std::all_of(node.parts.begin(), node.parts.end(), part_holds);
            case Kind::any_of:
                return std::any_of(node.parts.begin(), node.parts.end(), part_holds);
            case Kind::negation:
                return !holds(node.parts.front(), native);
            default:
                return comparison_holds(node, native[node.parameter]);
        }
    }

    /// Sets the values of inactive parameters to NaN. Conditions speak of earlier parameters only, so one
    /// pass does it.
    void deactivate(std::vector<double>& native) const {
        for (std::size_t i = 0; i < parameters.size(); ++i)
            if (!holds(parameters[i].condition, native)) native[i] = std::numeric_limits<double>::quiet_NaN();
    }

    /// Whether every constraint holds; one that names an inactive parameter holds.
    [[nodiscard]] bool satisfies(const std::vector<double>& native) const {
        return std::all_of(constraints.begin(), constraints.end(),
                           [&](const Expression& c) { return satisfies(c, native); });
    }

    [[nodiscard]] bool satisfies(const Expression& constraint, const std::vector<double>& native) const {
        for (const std::size_t i : constraint.parameters())
            if (std::isnan(native[i])) return true;
        return constraint.holds([&](std::size_t i) { return number(i, native[i]); });
    }

    /// The number that a native value stands for in a constraint (a numeric choice counts as itself).
    [[nodiscard]] double number(std::size_t i, double native) const {
        const Parameter& p = parameters[i];
        if (p.kind != ParameterKind::categorical) return native;
        const Value& value = p.choice(native);
        if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
        return std::get<double>(value);
    }

    /// What kind of values a handle of type T may read; throws InvalidConfiguration otherwise.
    template <class T>
    void check(const Handle<T>& handle) const {
        if (handle.index >= parameters.size() || parameters[handle.index].name != handle.name)
            throw InvalidConfiguration(fmt::format("handle '{}' does not belong to this space, which has: {}",
                                                   handle.name, names_text()));
        const Parameter& p = parameters[handle.index];
        const Value sample = p.kind == ParameterKind::categorical ? p.choices.front() : p.to_value(p.low);
        if (!std::holds_alternative<T>(sample))
            throw InvalidConfiguration(
                fmt::format("handle '{}': the parameter holds a {}, the handle another type", handle.name,
                            type_name(sample)));
    }

  private:
    [[nodiscard]] bool comparison_holds(const Condition::Node& node, double native) const {
        using Kind = Condition::Kind;
        if (std::isnan(native)) return false;
        if (node.kind == Kind::in || node.kind == Kind::not_in) {
            const Value value = parameters[node.parameter].to_value(native);
            const bool listed = std::any_of(node.values.begin(), node.values.end(),
                                            [&](const Value& v) { return equivalent(v, value); });
            return listed == (node.kind == Kind::in);
        }
        const double x = number(node.parameter, native);
        const Value& bound_value = node.values.front();
        const auto* integer = std::get_if<std::int64_t>(&bound_value);
        const double bound =
            integer != nullptr ? static_cast<double>(*integer) : std::get<double>(bound_value);
        switch (node.kind) {
            case Kind::less:
                return x < bound;
            case Kind::less_equal:
                return x <= bound;
            case Kind::greater:
                return x > bound;
            default:
                return x >= bound;
        }
    }
};

}  // namespace attune
