#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attune/space/value.hpp"

namespace attune {

/// When a parameter is active: a comparison of an earlier parameter's value, or a combination of such.
///
/// Written with handles: `optimizer == "sgd"`, `in(optimizer, {"sgd", "nag"})`, `layers >= 2`, combined with
/// `&&`, `||` and `!`. A comparison of an inactive parameter is false, whatever it compares; `!` is applied
/// after that. A value type; copies share their immutable nodes. Thread-safe to read.
class Condition {
  public:
    enum class Kind {
        always,
        in,
        not_in,
        less,
        less_equal,
        greater,
        greater_equal,
        all_of,
        any_of,
        negation
    };

    struct Node {
        Kind kind = Kind::always;
        std::size_t parameter = 0;  ///< index in the space, for comparisons
        std::vector<Value>
            values;  ///< for `in` and `not_in`: the listed values; for the other comparisons one number
        std::vector<Condition> parts;  ///< for all_of, any_of, negation
        std::string name{};  ///< of the parameter, where a handle gave it: checked when the condition is used
    };

    /// Always true.
    Condition() = default;

    [[nodiscard]] static Condition one_of(std::size_t parameter, std::vector<Value> values,
                                          std::string name = {}) {
        return Condition(Node{Kind::in, parameter, std::move(values), {}, std::move(name)});
    }
    [[nodiscard]] static Condition compare(Kind kind, std::size_t parameter, Value bound,
                                           std::string name = {}) {
        return Condition(Node{kind, parameter, {std::move(bound)}, {}, std::move(name)});
    }

    [[nodiscard]] bool is_always() const { return node_ == nullptr; }
    [[nodiscard]] const Node& node() const {
        static const Node always;
        return node_ ? *node_ : always;
    }

    /// The indices of all parameters it speaks of, in order of mention.
    void collect_parameters(std::vector<std::size_t>& out) const {
        const Node& n = node();
        if (n.kind == Kind::always) return;
        if (n.parts.empty()) out.push_back(n.parameter);
        for (const Condition& part : n.parts) part.collect_parameters(out);
    }

    friend Condition operator&&(Condition a, Condition b) {
        return combine(Kind::all_of, std::move(a), std::move(b));
    }
    friend Condition operator||(Condition a, Condition b) {
        return combine(Kind::any_of, std::move(a), std::move(b));
    }
    friend Condition operator!(Condition a) {
        return Condition(Node{Kind::negation, 0, {}, {std::move(a)}, {}});
    }

    friend bool operator==(const Condition& a, const Condition& b) {
        const Node &x = a.node(), &y = b.node();
        if (x.kind != y.kind || x.parameter != y.parameter || x.values.size() != y.values.size())
            return false;
        for (std::size_t i = 0; i < x.values.size(); ++i)
            if (!same_value(x.values[i], y.values[i])) return false;
        return x.parts == y.parts;
    }

    [[nodiscard]] static Condition make(Node node) { return Condition(std::move(node)); }

  private:
    explicit Condition(Node node) : node_(std::make_shared<const Node>(std::move(node))) {}

    static Condition combine(Kind kind, Condition a, Condition b) {
        if (a.is_always()) return kind == Kind::all_of ? b : a;
        if (b.is_always()) return kind == Kind::all_of ? a : b;
        return Condition(Node{kind, 0, {}, {std::move(a), std::move(b)}, {}});
    }

    std::shared_ptr<const Node> node_;
};

}  // namespace attune
