#pragma once

#include <string>

namespace attune {

/// The version of the compiled library, such as "0.1.0". Thread-safe.
[[nodiscard]] std::string version();

}  // namespace attune
