#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// MobileNetV2 of width 1.0 (Sandler et al., CVPR 2018), with torchvision's names and initialisation. A stage
/// is the first convolution, one inverted residual block, or the last convolution with the global average
/// pooling. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr mobilenet_v2(std::int64_t classes = 1000);

}  // namespace attune
