#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "attune/space/condition.hpp"
#include "attune/space/value.hpp"

namespace attune {

/// A typed reference to a parameter: its index, its name and the type of its values.
///
/// T is double, std::int64_t, bool or std::string. Handles are plain values; they hold no pointer to the
/// space, so they stay good for copies of it, and are checked (index, name, type) wherever they are used.
template <class T>
struct Handle {
    static_assert(std::is_same_v<T, double> || std::is_same_v<T, std::int64_t> || std::is_same_v<T, bool> ||
                      std::is_same_v<T, std::string>,
                  "a parameter holds double, std::int64_t, bool or std::string");
    std::size_t index = 0;
    std::string name;
};

namespace detail {

template <class T>
Value value_for(const T& value) {
    if constexpr (std::is_same_v<T, bool>)
        return value;
    else if constexpr (std::is_integral_v<T>)
        return static_cast<std::int64_t>(value);
    else if constexpr (std::is_floating_point_v<T>)
        return static_cast<double>(value);
    else
        return std::string(value);
}

/// What a handle of type T may be compared with: strings with strings, booleans with booleans, numbers with
/// numbers.
template <class T, class U>
concept ComparableWith = (std::is_same_v<T, std::string> && std::is_convertible_v<U, std::string>) ||
                         (std::is_same_v<T, bool> && std::is_same_v<U, bool>) ||
                         ((std::is_same_v<T, double> ||
                           std::is_same_v<T, std::int64_t>)&&std::is_arithmetic_v<U> &&
                          !std::is_same_v<U, bool>);

template <class T>
concept Numeric = std::is_same_v<T, double> || std::is_same_v<T, std::int64_t>;

}  // namespace detail

template <class T, class U>
requires detail::ComparableWith<T, U>
[[nodiscard]] Condition operator==(const Handle<T>& handle, const U& value) {
    return Condition::one_of(handle.index, {detail::value_for(value)}, handle.name);
}

template <class T, class U>
requires detail::ComparableWith<T, U>
[[nodiscard]] Condition operator!=(const Handle<T>& handle, const U& value) {
    return Condition::make(
        {Condition::Kind::not_in, handle.index, {detail::value_for(value)}, {}, handle.name});
}

/// Active when the parameter has one of `values`.
template <class T, class U = T>
requires detail::ComparableWith<T, U>
[[nodiscard]] Condition in(const Handle<T>& handle, std::initializer_list<U> values) {
    std::vector<Value> allowed;
    for (const U& value : values) allowed.push_back(detail::value_for(value));
    return Condition::one_of(handle.index, std::move(allowed), handle.name);
}

template <detail::Numeric T>
[[nodiscard]] Condition operator<(const Handle<T>& handle, double bound) {
    return Condition::compare(Condition::Kind::less, handle.index, bound, handle.name);
}
template <detail::Numeric T>
[[nodiscard]] Condition operator<=(const Handle<T>& handle, double bound) {
    return Condition::compare(Condition::Kind::less_equal, handle.index, bound, handle.name);
}
template <detail::Numeric T>
[[nodiscard]] Condition operator>(const Handle<T>& handle, double bound) {
    return Condition::compare(Condition::Kind::greater, handle.index, bound, handle.name);
}
template <detail::Numeric T>
[[nodiscard]] Condition operator>=(const Handle<T>& handle, double bound) {
    return Condition::compare(Condition::Kind::greater_equal, handle.index, bound, handle.name);
}

}  // namespace attune
