#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace attune::detail {

/// The CRC-32 of zip archives, of any number of bytes.
[[nodiscard]] std::uint32_t crc_of(std::span<const std::byte> bytes);

}  // namespace attune::detail
