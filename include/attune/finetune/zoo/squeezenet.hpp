#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// SqueezeNet 1.0 and 1.1 (Iandola et al., 2016), with torchvision's names and initialisation. A stage is the
/// first convolution or one fire module, each with the pooling behind it. Features are N x 512 x h x w: the
/// head is a 1 x 1 convolution, rectified and averaged over the image. Throws InvalidOption for fewer than
/// one class.
[[nodiscard]] NetworkPtr squeezenet1_0(std::int64_t classes = 1000);
[[nodiscard]] NetworkPtr squeezenet1_1(std::int64_t classes = 1000);

}  // namespace attune
