#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/network.hpp"

/// What frozen stages give, computed the same way whether it is kept or not.
namespace attune::detail {

/// Throws InvalidOption for a network of another number of input channels than 1 and 3.
void require_channels(const Network& network);

/// Pictures (N x 3 x S x S in [0, 255]) normalised for `network`, on its device: they travel as they are
/// stored, since bytes are a quarter of floats. A network of one channel sees the mean of the normalised
/// colours. Throws as require_channels does.
[[nodiscard]] torch::Tensor on_device_as_input(const torch::Tensor& pixels, const Network& network);

/// Pictures (N x 3 x S x S bytes) through a view, as the network takes them, on its device.
[[nodiscard]] torch::Tensor network_input(const Network& network, const torch::Tensor& pixels,
                                          const View& view, std::int64_t frame_size);

/// The output of the first `cut` stages for such pictures, in full precision and contiguous. The network must
/// be in evaluation mode and gradients off.
[[nodiscard]] torch::Tensor stage_output(Network& network, const torch::Tensor& pixels, const View& view,
                                         std::int64_t frame_size, std::size_t cut);

}  // namespace attune::detail
