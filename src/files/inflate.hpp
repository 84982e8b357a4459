#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace attune::detail {

/// Inflates a raw deflate stream that must give exactly `expected` bytes and end with its input; false where
/// it does not. Memory grows with what is really decoded, never ahead of it.
[[nodiscard]] bool inflate_raw(std::span<const std::byte> compressed, std::size_t expected,
                               std::vector<std::byte>& out);

}  // namespace attune::detail
