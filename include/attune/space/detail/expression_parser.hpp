#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "attune/space/expression.hpp"

namespace attune {

/// Recursive descent over the text; depth is bounded so that hostile text cannot exhaust the stack.
class Expression::Parser {
  public:
    Parser(std::string_view text, const NameLookup& lookup, std::vector<std::size_t>& parameters)
        : text_(text), lookup_(lookup), parameters_(parameters) {}

    NodePtr parse() {
        NodePtr node = either();
        skip_space();
        if (at_ < text_.size()) fail("unexpected '" + std::string(1, text_[at_]) + "'");
        if (!is_logical(node->op)) fail("is a number, not a comparison");
        if (parameters_.empty()) fail("names no parameter");
        return node;
    }

  private:
    NodePtr either() {
        NodePtr left = both();
        while (take("||")) left = logical(Op::either, std::move(left), both());
        return left;
    }

    NodePtr both() {
        NodePtr left = comparison();
        while (take("&&")) left = logical(Op::both, std::move(left), comparison());
        return left;
    }

    NodePtr comparison() {
        NodePtr left = sum();
        static constexpr std::pair<std::string_view, Op> operators[] = {
            {"<=", Op::less_equal}, {">=", Op::greater_equal}, {"==", Op::equal},
            {"!=", Op::not_equal},  {"<", Op::less},           {">", Op::greater}};
        for (const auto& [symbol, op] : operators) {
            if (!take(symbol)) continue;
            NodePtr right = sum();
            if (is_logical(left->op) || is_logical(right->op))
                fail("compares a comparison; combine them with && or ||");
            return join(op, std::move(left), std::move(right));
        }
        return left;
    }

    NodePtr sum() {
        NodePtr left = product();
        for (;;) {
            if (take("+"))
                left = arithmetic(Op::add, std::move(left), product());
            else if (take("-"))
                left = arithmetic(Op::subtract, std::move(left), product());
            else
                return left;
        }
    }

    NodePtr product() {
        NodePtr left = factor();
        for (;;) {
            if (take("*"))
                left = arithmetic(Op::multiply, std::move(left), factor());
            else if (take("/"))
                left = arithmetic(Op::divide, std::move(left), factor());
            else
                return left;
        }
    }

    NodePtr factor() {
        if (++depth_ > 200) fail("is nested too deeply");
        NodePtr node;
        if (take("-")) {
            node = factor();
            if (is_logical(node->op)) fail("negates a comparison");
            node = join(Op::negate, std::move(node), nullptr);
        } else if (take("(")) {
            node = either();
            if (!take(")")) fail("lacks a ')'");
        } else {
            node = leaf();
        }
        --depth_;
        return node;
    }

    NodePtr leaf() {
        skip_space();
        if (at_ >= text_.size()) fail("ends too early");
        const char c = text_[at_];
        if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') return literal();
        if (c == '`') {
            const std::size_t end = text_.find('`', at_ + 1);
            if (end == std::string_view::npos) fail("lacks a closing back quote");
            std::string name(text_.substr(at_ + 1, end - at_ - 1));
            at_ = end + 1;
            return named(name);
        }
        std::size_t end = at_;
        while (end < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[end])) ||
                                      text_[end] == '_' || text_[end] == '.'))
            ++end;
        if (end == at_) fail("unexpected '" + std::string(1, c) + "'");
        std::string name(text_.substr(at_, end - at_));
        at_ = end;
        return named(name);
    }

    NodePtr literal() {
        // Not strtod: that reads 0.5 as 0 where the host's locale has a decimal comma.
        double number = 0;
        const char* const first = text_.data() + at_;
        const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), number);
        if (error != std::errc{} || !std::isfinite(number)) fail("holds a number that cannot be read");
        at_ += static_cast<std::size_t>(end - first);
        auto node = std::make_unique<Node>();
        node->op = Op::number;
        node->literal = number;
        return node;
    }

    NodePtr named(const std::string& name) {
        auto node = std::make_unique<Node>();
        node->op = Op::name;
        node->parameter = lookup_(name);
        parameters_.push_back(node->parameter);
        return node;
    }

    NodePtr logical(Op op, NodePtr left, NodePtr right) {
        if (!is_logical(left->op) || !is_logical(right->op)) fail("&& and || combine comparisons");
        return join(op, std::move(left), std::move(right));
    }

    NodePtr arithmetic(Op op, NodePtr left, NodePtr right) {
        if (is_logical(left->op) || is_logical(right->op)) fail("calculates with a comparison");
        return join(op, std::move(left), std::move(right));
    }

    static NodePtr join(Op op, NodePtr left, NodePtr right) {
        auto node = std::make_unique<Node>();
        node->op = op;
        node->left = std::move(left);
        node->right = std::move(right);
        return node;
    }

    void skip_space() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    }

    bool take(std::string_view symbol) {
        skip_space();
        if (text_.substr(at_, symbol.size()) != symbol) return false;
        at_ += symbol.size();
        return true;
    }

    [[noreturn]] void fail(const std::string& what) const {
        throw InvalidSpace(fmt::format("constraint '{}': {} (at character {})", text_, what, at_ + 1));
    }

    std::string_view text_;
    const NameLookup& lookup_;
    std::vector<std::size_t>& parameters_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

inline Expression::Expression(std::string text, const NameLookup& lookup) : text_(std::move(text)) {
    if (text_.size() > 10'000)
        throw InvalidSpace("constraint of " + std::to_string(text_.size()) +
                           " characters: must have at most 10000");
    root_ = Parser(text_, lookup, parameters_).parse();
}

inline bool Expression::differ(double a, double b) { return a < b || a > b; }  // false for NaN

inline double Expression::number(const Node& node, const std::function<double(std::size_t)>& value) {
    const auto left = [&] { return number(*node.left, value); };
    const auto right = [&] { return number(*node.right, value); };
    switch (node.op) {
        case Op::number:
            return node.literal;
        case Op::name:
            return value(node.parameter);
        case Op::negate:
            return -left();
        case Op::add:
            return left() + right();
        case Op::subtract:
            return left() - right();
        case Op::multiply:
            return left() * right();
        case Op::divide:
            return left() / right();
        case Op::less:
            return left() < right();
        case Op::less_equal:
            return left() <= right();
        case Op::greater:
            return left() > right();
        case Op::greater_equal:
            return left() >= right();
        case Op::equal:
            return left() == right();
        case Op::not_equal:
            return differ(left(), right());
        case Op::both:
            return left() != 0 && right() != 0;
        case Op::either:
            return left() != 0 || right() != 0;
    }
    return 0;
}

inline Expression::Interval Expression::bounds(const Node& node,
                                               const std::function<Interval(std::size_t)>& box) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    if (node.op == Op::number) return {node.literal, node.literal};
    if (node.op == Op::name) return box(node.parameter);
    const Interval a = bounds(*node.left, box);
    if (node.op == Op::negate) return {-a.high, -a.low};
    const Interval b = bounds(*node.right, box);
    if (node.op == Op::add) return {a.low + b.low, a.high + b.high};
    if (node.op == Op::subtract) return {a.low - b.high, a.high - b.low};
    if (node.op == Op::divide && b.low <= 0 && b.high >= 0) return {-inf, inf};
    const auto combine = [&](double x, double y) { return node.op == Op::multiply ? x * y : x / y; };
    const double corners[] = {combine(a.low, b.low), combine(a.low, b.high), combine(a.high, b.low),
                              combine(a.high, b.high)};
    if (std::any_of(std::begin(corners), std::end(corners), [](double x) { return std::isnan(x); }))
        return {-inf, inf};
    const auto [low, high] = std::minmax_element(std::begin(corners), std::end(corners));
    return {*low, *high};
}

inline Expression::Truth Expression::compare(Op op, Interval a, Interval b) {
    const auto of = [](bool always, bool never) {
        return always ? Truth::always : never ? Truth::never : Truth::sometimes;
    };
    const bool points = a.low == a.high && b.low == b.high;
    const bool apart = a.high < b.low || b.high < a.low;
    switch (op) {
        case Op::less:
            return of(a.high < b.low, a.low >= b.high);
        case Op::less_equal:
            return of(a.high <= b.low, a.low > b.high);
        case Op::greater:
            return of(a.low > b.high, a.high <= b.low);
        case Op::greater_equal:
            return of(a.low >= b.high, a.high < b.low);
        case Op::equal:
            return of(points && a.low == b.low, apart);
        default:
            return of(apart, points && a.low == b.low);
    }
}

inline Expression::Truth Expression::truth(const Node& node,
                                           const std::function<Interval(std::size_t)>& box) {
    if (node.op == Op::both) return std::min(truth(*node.left, box), truth(*node.right, box));
    if (node.op == Op::either) return std::max(truth(*node.left, box), truth(*node.right, box));
    return compare(node.op, bounds(*node.left, box), bounds(*node.right, box));
}

}  // namespace attune
