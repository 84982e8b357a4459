#pragma once

#include <chrono>

namespace attune::detail {

/// Of a clock that never goes back; only differences mean something.
[[nodiscard]] inline double clock_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace attune::detail
