#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// MaxViT of the tiny size (Tu et al., "MaxViT: Multi-Axis Vision Transformer", ECCV 2022), with
/// torchvision's names and initialisation. A stage is the stem or one layer (an inverted residual, attention
/// in windows, attention over a grid); the last one includes the global average pooling and the hidden linear
/// layer. Sides of images must be multiples of 224 pixels. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr maxvit_t(std::int64_t classes = 1000);

}  // namespace attune
