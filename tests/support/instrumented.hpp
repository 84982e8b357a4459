#pragma once

#include <cstddef>

namespace attune::test {

/// Whether a sanitizer slows this program down many times. What tries each of thousands of places then takes
/// steps of a prime, so that places of all kinds have their turn.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_instrumented = true;
inline constexpr std::size_t thorough_step = 11;
#else
inline constexpr bool is_instrumented = false;
inline constexpr std::size_t thorough_step = 1;
#endif

}  // namespace attune::test
