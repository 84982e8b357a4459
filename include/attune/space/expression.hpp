#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// A constraint between parameters: comparisons of arithmetic expressions, such as `batch * accumulation <=
/// 512`.
///
/// Grammar, from the loosest to the tightest binding: `||`, `&&`, one comparison (`<= < >= > == !=`), `+ -`,
/// `* /`, unary minus, then numbers, parameter names and parentheses. Parameter names may hold letters,
/// digits, `_` and `.`; other names stand in back quotes. Text is parsed once; evaluation is linear in the
/// size of the expression. Thread-safe to read.
class Expression {
  public:
    /// Closed interval, for bounding an expression over a box of values.
    struct Interval {
        double low, high;
    };
    /// What a condition can be over a box of values.
    enum class Truth { never, sometimes, always };

    /// Gives the index of a parameter name, or throws InvalidSpace.
    using NameLookup = std::function<std::size_t(const std::string&)>;

    /// Throws InvalidSpace that shows the text and the place for anything outside the grammar.
    Expression(std::string text, const NameLookup& lookup);

    [[nodiscard]] const std::string& text() const { return text_; }
    /// Indices of the parameters it names, in order of mention.
    [[nodiscard]] const std::vector<std::size_t>& parameters() const { return parameters_; }

    /// Whether it holds for the values of its parameters (by index). Comparisons with NaN are false.
    [[nodiscard]] bool holds(const std::function<double(std::size_t)>& value) const {
        return number(*root_, value) != 0;
    }

    /// Whether it holds for all, some or none of the values in the box: `sometimes` may be said too often,
    /// the others never.
    [[nodiscard]] Truth over(const std::function<Interval(std::size_t)>& box) const {
        return truth(*root_, box);
    }

  private:
    enum class Op {
        number,
        name,
        negate,
        add,
        subtract,
        multiply,
        divide,
        less,
        less_equal,
        greater,
        greater_equal,
        equal,
        not_equal,
        both,
        either
    };
    struct Node {
        Op op;
        double literal = 0;
        std::size_t parameter = 0;
        std::unique_ptr<Node> left{}, right{};
    };
    using NodePtr = std::unique_ptr<Node>;
    class Parser;

    static bool is_logical(Op op) { return op >= Op::less; }
    static bool differ(double a, double b);
    static double number(const Node& node, const std::function<double(std::size_t)>& value);
    static Interval bounds(const Node& node, const std::function<Interval(std::size_t)>& box);
    static Truth truth(const Node& node, const std::function<Interval(std::size_t)>& box);
    static Truth compare(Op op, Interval a, Interval b);

    std::string text_;
    std::vector<std::size_t> parameters_;
    std::shared_ptr<const Node> root_;
};

}  // namespace attune

#include "attune/space/detail/expression_parser.hpp"
