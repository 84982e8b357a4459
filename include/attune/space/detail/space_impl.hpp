#pragma once

#include <cmath>
#include <deque>
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
inline void check_condition(const Schema& schema, const std::string& child, const Condition& condition) {
    using Kind = Condition::Kind;
    const Condition::Node& node = condition.node();
    for (const Condition& part : node.parts) check_condition(schema, child, part);
    if (node.kind == Kind::always || !node.parts.empty()) return;
    const Parameter& parent = schema.parameters[node.parameter];
    const bool membership = node.kind == Kind::in || node.kind == Kind::not_in;
    for (const Value& value : node.values) {
        if (membership) {
            try {
                (void)parent.to_native(value);
            } catch (const InvalidConfiguration& error) {
                throw InvalidSpace(
                    fmt::format("parameter {}: its condition can never be met: {}", child, error.what()));
            }
        } else if (parent.kind == ParameterKind::categorical &&
                   !std::holds_alternative<double>(parent.choices.front()) &&
                   !std::holds_alternative<std::int64_t>(parent.choices.front())) {
            throw InvalidSpace(
                fmt::format("parameter {}: its condition compares {} by size, but that has no order", child,
                            parent.name));
        }
    }
}

/// Looks for a configuration that satisfies the constraints, or proves by interval arithmetic that there is
/// none.
class FeasibilitySearch {
  public:
    explicit FeasibilitySearch(const SearchSpace& space) : space_(space) {}

    enum class Answer { feasible, empty, unknown };

    [[nodiscard]] Answer run() const {
        const std::size_t d = space_.size();
        std::deque<Box> boxes{Box{std::vector<double>(d, 0.0), std::vector<double>(d, 1.0)}};
        for (int visited = 0; !boxes.empty(); ++visited) {
            if (visited == box_limit) return Answer::unknown;
            Box box = std::move(boxes.front());
            boxes.pop_front();
            if (impossible(box)) continue;
            if (has_feasible_point(box, visited)) return Answer::feasible;
            if (!split(box, boxes)) continue;
        }
        return Answer::empty;
    }

  private:
    struct Box {
        std::vector<double> low, high;  // unit cube
    };
    static constexpr int box_limit = 20'000;

    [[nodiscard]] bool impossible(const Box& box) const {
        const Schema& schema = space_.schema();
        for (const Expression& constraint : schema.constraints) {
            bool conditional = false;  // an inactive parameter lifts the constraint
            for (const std::size_t i : constraint.parameters())
                conditional |= !schema.parameters[i].condition.is_always();
            if (conditional) continue;
            const auto interval = [&](std::size_t i) { return range(i, box); };
            if (constraint.over(interval) == Expression::Truth::never) return true;
        }
        return false;
    }

    [[nodiscard]] Expression::Interval range(std::size_t i, const Box& box) const {
        const Parameter& p = space_[i];
        const double a = p.decode(box.low[i]), b = p.decode(box.high[i]);
        if (p.kind != ParameterKind::categorical) return {a, b};
        Expression::Interval out{std::numeric_limits<double>::infinity(),
                                 -std::numeric_limits<double>::infinity()};
        for (double k = a; k <= b; ++k) {
            const double x = space_.schema().number(i, k);
            out = {std::min(out.low, x), std::max(out.high, x)};
        }
        return out;
    }

    /// A few points of a Kronecker sequence inside the box, and its corners' middle.
    [[nodiscard]] bool has_feasible_point(const Box& box, int visited) const {
        const int points = visited == 0 ? 2000 : 4;
        std::vector<double> unit(box.low.size());
        for (int k = 0; k < points; ++k) {
            for (std::size_t i = 0; i < unit.size(); ++i) {
                const double alpha = std::sqrt(2.0 + 3.0 * static_cast<double>(i));
                const double share = std::fmod(0.5 + k * alpha, 1.0);
                unit[i] = box.low[i] + share * (box.high[i] - box.low[i]);
            }
            if (space_.satisfies(space_.decode(unit))) return true;
        }
        return false;
    }

    /// Halves the widest side that still holds more than one value; false when the box is a single point.
    bool split(const Box& box, std::deque<Box>& boxes) const {
        std::size_t widest = box.low.size();
        double width = 1e-9;
        for (std::size_t i = 0; i < box.low.size(); ++i) {
            if (space_[i].decode(box.low[i]) == space_[i].decode(box.high[i])) continue;
            if (box.high[i] - box.low[i] > width) width = box.high[widest = i] - box.low[i];
        }
        if (widest == box.low.size()) return false;
        const double middle = (box.low[widest] + box.high[widest]) / 2;
        Box left = box, right = box;
        left.high[widest] = middle;
        right.low[widest] = middle;
        boxes.push_back(std::move(left));
        boxes.push_back(std::move(right));
        return true;
    }

    const SearchSpace& space_;
};

}  // namespace detail

inline void SearchSpace::set_condition(std::size_t index, const Condition& condition) {
    std::vector<std::size_t> mentioned;
    condition.collect_parameters(mentioned);
    const std::string name = schema_->parameters.at(index).name;
    for (const std::size_t parent : mentioned)
        if (parent >= index)
            throw InvalidSpace(fmt::format(
                "parameter {}: its condition names a parameter that is not declared before it", name));
    detail::check_condition(*schema_, name, condition);
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

inline void SearchSpace::validate() const {
    if (schema_->constraints.empty()) return;
    const auto answer = detail::FeasibilitySearch(*this).run();
    if (answer == detail::FeasibilitySearch::Answer::feasible) return;
    std::string constraints;
    for (const Expression& c : schema_->constraints)
        constraints += (constraints.empty() ? "'" : "', '") + c.text();
    throw InvalidSpace(
        fmt::format("constraints {}': {}", constraints,
                    answer == detail::FeasibilitySearch::Answer::empty
                        ? "no configuration of the space satisfies them"
                        : "no configuration that satisfies them was found; widen the ranges or loosen them"));
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
    std::vector<double> active = native;
    for (std::size_t i = 0; i < size(); ++i) {
        const bool is_active = schema_->holds((*this)[i].condition, active);
        if (is_active && std::isnan(native[i])) {
            if ((*this)[i].cardinality() != 1)
                throw InvalidConfiguration(fmt::format("parameter {}: has no value", (*this)[i].name));
            active[i] = (*this)[i].decode(0.5);  // a static value goes without saying
        }
        if (!is_active && !std::isnan(native[i]))
            throw InvalidConfiguration(
                fmt::format("parameter {}: is given, but inactive beside the other values", (*this)[i].name));
    }
    Configuration out(schema_, std::move(active));
    for (const Expression& constraint : schema_->constraints)
        if (!schema_->satisfies(constraint, out.native()))
            throw InvalidConfiguration(
                fmt::format("configuration {}: breaks the constraint '{}'", out.text(), constraint.text()));
    return out;
}

inline std::vector<std::string> SearchSpace::differences(const SearchSpace& other) const {
    std::vector<std::string> lines;
    for (const Parameter& p : parameters()) {
        const auto there = other.schema().find(p.name);
        if (!there)
            lines.push_back(fmt::format("parameter {}: only in the first", p.name));
        else if (!(other[*there] == p))
            lines.push_back(fmt::format(
                "parameter {}: differs in kind, range, scale, step, choices or condition", p.name));
    }
    for (const Parameter& p : other.parameters())
        if (!schema_->find(p.name)) lines.push_back(fmt::format("parameter {}: only in the second", p.name));
    const auto texts = [](const Schema& s) {
        std::vector<std::string> out;
        for (const Expression& c : s.constraints) out.push_back(c.text());
        return out;
    };
    const auto ours = texts(*schema_), theirs = texts(other.schema());
    for (const auto& c : ours)
        if (std::find(theirs.begin(), theirs.end(), c) == theirs.end())
            lines.push_back(fmt::format("constraint '{}': only in the first", c));
    for (const auto& c : theirs)
        if (std::find(ours.begin(), ours.end(), c) == ours.end())
            lines.push_back(fmt::format("constraint '{}': only in the second", c));
    if (lines.empty() && !(parameters() == other.parameters()))
        lines.emplace_back("the order of the parameters");
    return lines;
}

}  // namespace attune
