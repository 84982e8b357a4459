#pragma once

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace attune {

/// One value of a parameter, stored as itself: a category by its value, never by an index.
using Value = std::variant<bool, std::int64_t, double, std::string>;

/// Shortest text that reads back as the same double; "nan", "inf" and "-inf" for the non-finite ones.
[[nodiscard]] inline std::string to_string(double number) {
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
    return fmt::format("{}", number);
}

/// Text for people and command lines: true, 64, 0.001, sgd.
[[nodiscard]] inline std::string to_string(const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
    if (const auto* number = std::get_if<double>(&value)) return to_string(*number);
    return std::get<std::string>(value);
}

/// The word for the value's type in messages.
[[nodiscard]] inline std::string_view type_name(const Value& value) {
    constexpr std::string_view names[] = {"boolean", "integer", "number", "string"};
    return names[value.index()];
}

/// Same type and same content; doubles bit by bit, so that NaN equals itself.
[[nodiscard]] inline bool same_value(const Value& a, const Value& b) {
    if (a.index() != b.index()) return false;
    if (const auto* number = std::get_if<double>(&a))
        return std::bit_cast<std::uint64_t>(*number) == std::bit_cast<std::uint64_t>(std::get<double>(b));
    return a == b;
}

/// Equality as a user means it in a condition or a fixed value: 1 and 1.0 are equal, 1 and true are not.
[[nodiscard]] inline bool equivalent(const Value& a, const Value& b) {
    // Two integers are compared as such: beyond 2^53 neighbours are one and the same double.
    if (std::holds_alternative<std::int64_t>(a) && std::holds_alternative<std::int64_t>(b)) return a == b;
    const auto number = [](const Value& v, double& out) {
        if (const auto* i = std::get_if<std::int64_t>(&v)) return out = static_cast<double>(*i), true;
        if (const auto* d = std::get_if<double>(&v)) return out = *d, true;
        return false;
    };
    double x = 0, y = 0;
    if (number(a, x) && number(b, y)) return x == y;
    return same_value(a, b);
}

}  // namespace attune
