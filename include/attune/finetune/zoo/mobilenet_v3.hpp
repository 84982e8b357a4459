#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// MobileNetV3 large and small (Howard et al., ICCV 2019), with torchvision's names and initialisation. A
/// stage is the first convolution, one inverted residual block, the last convolution with the global average
/// pooling, or the hidden linear layer. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr mobilenet_v3_large(std::int64_t classes = 1000);
[[nodiscard]] NetworkPtr mobilenet_v3_small(std::int64_t classes = 1000);

}  // namespace attune
