#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// ShuffleNetV2 (Ma et al., ECCV 2018) of width 0.5, 1.0, 1.5 or 2.0, with torchvision's names and
/// initialisation. A stage is the first convolution with its pooling, one unit, or the last convolution with
/// the global average pooling. Throws InvalidOption for fewer than one class or another width.
[[nodiscard]] NetworkPtr shufflenet_v2(double width, std::int64_t classes = 1000);

}  // namespace attune
