#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace attune::test {

/// Whether two numbers are the same to the last bit; every NaN is the same one.
inline bool same_bits(double a, double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace attune::test
