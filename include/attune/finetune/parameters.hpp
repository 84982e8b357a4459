#pragma once

#include <torch/nn/module.h>

#include <cstdint>

namespace attune {

/// Number of scalars in the parameters of `module`, buffers left out.
[[nodiscard]] std::int64_t count_parameters(const torch::nn::Module& module, bool trainable_only = false);

}  // namespace attune
