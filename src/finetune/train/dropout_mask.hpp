#pragma once

#include <torch/utils.h>

#include <cmath>
#include <cstdint>

#include "attune/finetune/data/random.hpp"

namespace attune::detail {

/// A mask of dropout shaped and laid out as `like` and on its device (float32): 1 / kept with probability
/// `kept`, in (0, 1], else 0.
///
/// A function of the stream, so the same with any build of torch; torch's own bernoulli_ takes several times
/// as long where it is built without MKL, which would be half of the time of a small head's training.
[[nodiscard]] inline torch::Tensor dropout_mask(const torch::Tensor& like, double kept,
                                                RandomStream& stream) {
    auto mask = torch::empty_like(like, torch::TensorOptions(torch::kFloat32).device(torch::kCPU));
    // k / 2^53 < kept for whole k, without a rounding.
    const auto limit = static_cast<std::uint64_t>(std::ceil(std::ldexp(kept, 53)));
    const float value = 1.0F / static_cast<float>(kept);
    auto* out = mask.data_ptr<float>();
    for (std::int64_t i = 0; i < mask.numel(); ++i) out[i] = (stream.next() >> 11U) < limit ? value : 0.0F;
    return mask.to(like.device());
}

}  // namespace attune::detail
