#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace attune::detail {

/// The number that `text` is from its first to its last letter, or nothing.
template <typename Number>
[[nodiscard]] std::optional<Number> number_of_text(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

}  // namespace attune::detail
