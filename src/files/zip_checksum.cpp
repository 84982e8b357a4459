#include "zip_checksum.hpp"

#include <zlib.h>

#include <algorithm>

namespace attune::detail {

std::uint32_t crc_of(std::span<const std::byte> bytes) {
    uLong crc = ::crc32(0, nullptr, 0);
    while (!bytes.empty()) {  // zlib counts in 32 bits
        const auto part = std::min<std::size_t>(bytes.size(), std::size_t{1} << 30);
        crc = ::crc32(crc, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(part));
        bytes = bytes.subspan(part);
    }
    return static_cast<std::uint32_t>(crc);
}

}  // namespace attune::detail
