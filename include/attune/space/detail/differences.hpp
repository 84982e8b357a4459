#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "attune/space/space.hpp"

namespace attune {
namespace detail {

/// A condition as people write it: `optimizer == sgd`.
[[nodiscard]] inline std::string condition_text(const Condition& condition, const Schema& schema) {
    using Kind = Condition::Kind;
    const Condition::Node& node = condition.node();
    const auto joined = [&](const std::string& word) {
        std::string text;
        for (const Condition& part : node.parts)
            text += (text.empty() ? "" : word) + condition_text(part, schema);
        return "(" + text + ")";
    };
    const auto compared = [&](const char* sign) {
        return schema.parameters[node.parameter].name + " " + sign + " " + to_string(node.values.front());
    };
    switch (node.kind) {
        case Kind::always:
            return "always";
        case Kind::all_of:
            return joined(" && ");
        case Kind::any_of:
            return joined(" || ");
        case Kind::negation:
            return "!(" + condition_text(node.parts.front(), schema) + ")";
        case Kind::less:
            return compared("<");
        case Kind::less_equal:
            return compared("<=");
        case Kind::greater:
            return compared(">");
        case Kind::greater_equal:
            return compared(">=");
        case Kind::in:
        case Kind::not_in:
            break;
    }
    if (node.values.size() == 1) return compared(node.kind == Kind::in ? "==" : "!=");
    std::string list;
    for (const Value& value : node.values) list += (list.empty() ? "" : ", ") + to_string(value);
    return schema.parameters[node.parameter].name + (node.kind == Kind::in ? " in {" : " not in {") + list +
           "}";
}

/// Whether two conditions say the same, of parameters by name.
inline bool same_condition(const Condition& a, const Schema& of_a, const Condition& b, const Schema& of_b) {
    const Condition::Node &x = a.node(), &y = b.node();
    if (x.kind != y.kind || x.parts.size() != y.parts.size() || x.values.size() != y.values.size())
        return false;
    const bool compares = x.parts.empty() && x.kind != Condition::Kind::always;
    if (compares && of_a.parameters[x.parameter].name != of_b.parameters[y.parameter].name) return false;
    for (std::size_t i = 0; i < x.values.size(); ++i)
        if (!same_value(x.values[i], y.values[i])) return false;
    for (std::size_t i = 0; i < x.parts.size(); ++i)
        if (!same_condition(x.parts[i], of_a, y.parts[i], of_b)) return false;
    return true;
}

/// `integer [1, 8], log, step 2`: all but the name and the condition.
inline std::string description(const Parameter& p) {
    if (p.kind == ParameterKind::categorical)
        return fmt::format("one of {} ({}s)", p.choices_text(), type_name(p.choices.front()));
    return fmt::format("{} [{}, {}], {}{}", to_string(p.kind), attune::to_string(p.low),
                       attune::to_string(p.high), to_string(p.scale),
                       p.step ? ", step " + attune::to_string(*p.step) : "");
}

/// What differs between two parameters of one name, or nothing.
inline std::string difference(const Parameter& old, const Schema& before, const Parameter& present,
                              const Schema& after) {
    const std::string a = description(old), b = description(present);
    std::string text = a == b ? "" : fmt::format("{} -> {}", a, b);
    if (!same_condition(old.condition, before, present.condition, after))
        text += fmt::format("{}active when {} -> when {}", text.empty() ? "" : ", ",
                            condition_text(old.condition, before), condition_text(present.condition, after));
    return text;
}

/// Lines for the constraints of `some` that `others` lacks.
inline void add_lacking(const Schema& some, const Schema& others, const char* what,
                        std::vector<std::string>& lines) {
    for (const Expression& constraint : some.constraints) {
        const bool there =
            std::any_of(others.constraints.begin(), others.constraints.end(),
                        [&](const Expression& other) { return other.text() == constraint.text(); });
        if (!there) lines.push_back(fmt::format("constraint '{}': {}", constraint.text(), what));
    }
}

}  // namespace detail

inline std::vector<std::string> SearchSpace::differences(const SearchSpace& other) const {
    std::vector<std::string> lines;
    for (const Parameter& p : parameters()) {
        const auto there = other.schema().find(p.name);
        const std::string text = there ? detail::difference(p, *schema_, other[*there], other.schema())
                                       : detail::description(p) + " -> not there";
        if (!text.empty()) lines.push_back(fmt::format("parameter {}: {}", p.name, text));
    }
    for (const Parameter& p : other.parameters())
        if (!schema_->find(p.name))
            lines.push_back(fmt::format("parameter {}: not there -> {}", p.name, detail::description(p)));
    detail::add_lacking(*schema_, other.schema(), "there -> not there", lines);
    detail::add_lacking(other.schema(), *schema_, "not there -> there", lines);
    if (lines.empty() && !(parameters() == other.parameters()))
        lines.emplace_back("the order of the parameters");
    return lines;
}

}  // namespace attune
