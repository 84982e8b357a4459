#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace attune::detail {

/// "0 trials", "1 trial", "2 trials"; with a plural of its own "3 classes".
template <class Count>
[[nodiscard]] std::string counted(Count count, std::string_view noun, std::string_view plural = {}) {
    if (count == 1) return fmt::format("1 {}", noun);
    return plural.empty() ? fmt::format("{} {}s", count, noun) : fmt::format("{} {}", count, plural);
}

}  // namespace attune::detail
