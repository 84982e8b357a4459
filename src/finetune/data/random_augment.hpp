#pragma once

#include <torch/types.h>

#include "attune/finetune/data/random.hpp"

namespace attune::detail {

/// Pictures 1 x 3 x H x W in [0, 255], changed by `operations` draws among fourteen operations, each of the
/// strength `magnitude` of 30 and, where it has a direction, of a drawn one (Cubuk et al. 2020, with
/// torchvision's ranges).
[[nodiscard]] torch::Tensor random_augment(torch::Tensor pixels, int operations, int magnitude,
                                           RandomStream& stream);

/// One operation with a drawn strength, of wider ranges (Mueller and Hutter 2021, with torchvision's).
[[nodiscard]] torch::Tensor trivial_augment(const torch::Tensor& pixels, RandomStream& stream);

}  // namespace attune::detail
