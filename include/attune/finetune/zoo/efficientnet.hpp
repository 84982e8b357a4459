#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// EfficientNet B0 to B7 (Tan and Le, ICML 2019), with torchvision's names, constants and initialisation. A
/// stage is the first convolution, one inverted residual block, or the last convolution with the global
/// average pooling. Throws InvalidOption for a `number` outside 0 to 7 or fewer than one class.
[[nodiscard]] NetworkPtr efficientnet_b(int number, std::int64_t classes = 1000);

/// EfficientNetV2 (Tan and Le, ICML 2021) of size 's', 'm' or 'l'; the same else.
[[nodiscard]] NetworkPtr efficientnet_v2(char size, std::int64_t classes = 1000);

}  // namespace attune
