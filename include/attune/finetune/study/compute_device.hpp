#pragma once

#include <string>

namespace attune {

/// Where networks compute fastest here: "cuda" where libtorch finds a CUDA device, else "cpu".
[[nodiscard]] std::string fastest_device();

/// Throws InvalidOption for what is neither "cpu" nor "cuda" nor "cuda:<number>", and for a device that is
/// not to be had here.
void check_device(const std::string& name);

}  // namespace attune
