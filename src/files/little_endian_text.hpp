#pragma once

#include <cstdint>
#include <string>

namespace attune::detail {

/// The lower `bytes` bytes of `value`, at most 8, the least first.
[[nodiscard]] inline std::string little(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
}

}  // namespace attune::detail
