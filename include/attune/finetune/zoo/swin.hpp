#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The shape of a Swin transformer.
struct SwinOptions {
    int version = 1;          ///< 2 has cosine attention, continuous position biases and norms behind
    std::int64_t width = 96;  ///< channels of the first stage; they double from stage to stage
    std::array<int, 4> blocks{2, 2, 6, 2};
    std::array<std::int64_t, 4> heads{3, 6, 12, 24};
    std::int64_t window = 7;        ///< side of the windows, in patches of 4 x 4 pixels
    double stochastic_depth = 0.2;  ///< of the last block; 0 at the first, linear in between

    /// Throws InvalidOption: numbers are positive, widths multiples of the heads, version 1 or 2.
    void validate() const;
};

/// Swin Transformer (Liu et al., ICCV 2021) and Swin Transformer V2 (Liu et al., CVPR 2022), with
/// torchvision's names and initialisation. A stage is the patch embedding, one block, or one merging of
/// patches; the last one includes the last normalisation and the global average pooling. Between stages
/// tensors are N x H x W x C. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr swin(const SwinOptions& options, std::int64_t classes = 1000);

}  // namespace attune
