#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "attune/space/space.hpp"

namespace attune {

template <class T>
NewParameter<T> NewParameter<T>::when(const Condition& condition) && {
    space_->set_condition(this->index, condition);
    return std::move(*this);
}

template <class T>
NewParameter<T> NewParameter<T>::step(double step) && {
    space_->set_step(this->index, step);
    return std::move(*this);
}

namespace detail {

/// Throws where a comparison asks for what its parameter can never be.
inline void check_comparison(const Schema& schema, const std::string& child, const Condition::Node& node) {
    using Kind = Condition::Kind;
    const Parameter& parent = schema.parameters[node.parameter];
    if (!node.name.empty() && node.name != parent.name)
        throw InvalidSpace(
            fmt::format("parameter {}: its condition uses a handle of '{}', which does not belong to "
                        "this space ({} stands in that place)",
                        child, node.name, parent.name));
    if (node.kind == Kind::in || node.kind == Kind::not_in) {
        if (node.values.empty())
            throw InvalidSpace(
                fmt::format("parameter {}: its condition on {} lists no values", child, parent.name));
        for (const Value& value : node.values) try {
                (void)parent.to_native(value);
            } catch (const InvalidConfiguration& error) {
                throw InvalidSpace(fmt::format("parameter {}: its condition asks for what can never be: {}",
                                               child, error.what()));
            }
        return;
    }
    const auto is_number = [](const Value& v) {
        return std::holds_alternative<std::int64_t>(v) ||
               (std::holds_alternative<double>(v) && !std::isnan(std::get<double>(v)));
    };
    if (parent.kind == ParameterKind::categorical && !is_number(parent.choices.front()))
        throw InvalidSpace(fmt::format(
            "parameter {}: its condition compares {} by size, but that has no order", child, parent.name));
    if (node.values.size() != 1 || !is_number(node.values.front()))
        throw InvalidSpace(fmt::format(
            "parameter {}: its condition compares {} with {}; that must be one number", child, parent.name,
            node.values.empty() ? "nothing" : attune::to_string(node.values.front())));
}

/// Throws InvalidSpace for a condition that parameter number `index`, called `child`, cannot have.
inline void check_condition(const Schema& schema, std::size_t index, const std::string& child,
                            const Condition& condition) {
    const Condition::Node& node = condition.node();
    for (const Condition& part : node.parts) check_condition(schema, index, child, part);
    if (node.kind == Condition::Kind::always || !node.parts.empty()) return;
    if (node.parameter >= index)
        throw InvalidSpace(fmt::format(
            "parameter {}: its condition names a parameter that is not declared before it", child));
    check_comparison(schema, child, node);
}

}  // namespace detail

inline std::size_t SearchSpace::declare(Parameter parameter) {
    parameter.validate();
    if (schema_->find(parameter.name))
        throw InvalidSpace(fmt::format("parameter {}: is declared twice; names must differ", parameter.name));
    detail::check_condition(*schema_, schema_->size(), parameter.name, parameter.condition);
    own().parameters.push_back(std::move(parameter));
    return schema_->size() - 1;
}

inline void SearchSpace::set_condition(std::size_t index, const Condition& condition) {
    detail::check_condition(*schema_, index, schema_->parameters.at(index).name, condition);
    own().parameters[index].condition = condition;
}

inline void SearchSpace::set_step(std::size_t index, double step) {
    Parameter p = schema_->parameters.at(index);
    if (p.kind == ParameterKind::categorical)
        throw InvalidSpace(fmt::format("parameter {}: step ({}) is for numbers, not for choices", p.name,
                                       attune::to_string(step)));
    p.step = step;
    p.validate();
    own().parameters[index] = std::move(p);
}

inline std::size_t SearchSpace::numeric_index(const std::string& text, const std::string& name) const {
    const auto found = schema_->find(name);
    if (!found)
        throw InvalidSpace(fmt::format("constraint '{}': parameter '{}' is unknown; the space has: {}", text,
                                       name, schema_->names_text()));
    const Parameter& p = schema_->parameters[*found];
    const bool number = p.kind != ParameterKind::categorical ||
                        std::holds_alternative<double>(p.choices.front()) ||
                        std::holds_alternative<std::int64_t>(p.choices.front());
    if (!number)
        throw InvalidSpace(fmt::format("constraint '{}': parameter '{}' holds {}s, constraints need numbers",
                                       text, name, type_name(p.choices.front())));
    return *found;
}

inline Configuration SearchSpace::configuration(
    const std::vector<std::pair<std::string, Value>>& values) const {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    std::vector<double> native(size(), none);
    for (const auto& [name, value] : values) {
        const std::size_t i = schema_->index(name);
        if (!std::isnan(native[i]))
            throw InvalidConfiguration(fmt::format("parameter {}: is given twice", name));
        native[i] = (*this)[i].to_native(value);
    }
    for (std::size_t i = 0; i < size(); ++i) {
        const bool is_active = schema_->holds((*this)[i].condition, native);  // of earlier parameters
        const bool is_given = !std::isnan(native[i]);
        if (is_active && !is_given) {
            if ((*this)[i].cardinality() != 1)
                throw InvalidConfiguration(fmt::format("parameter {}: has no value", (*this)[i].name));
            native[i] = (*this)[i].decode(0.5);  // a static value goes without saying
        }
        if (!is_active && is_given)
            throw InvalidConfiguration(
                fmt::format("parameter {}: is given, but inactive beside the other values", (*this)[i].name));
    }
    Configuration out(schema_, std::move(native));
    for (const Expression& constraint : schema_->constraints)
        if (!schema_->satisfies(constraint, out.native()))
            throw InvalidConfiguration(
                fmt::format("configuration {}: breaks the constraint '{}'", out.text(), constraint.text()));
    return out;
}

}  // namespace attune
