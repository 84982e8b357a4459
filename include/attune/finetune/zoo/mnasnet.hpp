#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// MNASNet-B1 (Tan et al., CVPR 2019) of a width (0.5, 0.75, 1.0, 1.3 have pretrained weights), with
/// torchvision's names and initialisation. A stage is the first convolution, the separable one behind it, one
/// inverted residual block, or the last convolution with the global average pooling. Throws InvalidOption for
/// a width that is not above 0 or fewer than one class.
[[nodiscard]] NetworkPtr mnasnet(double width, std::int64_t classes = 1000);

}  // namespace attune
