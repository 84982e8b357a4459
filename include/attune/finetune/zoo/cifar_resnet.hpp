#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The residual network for 32 x 32 pixels of He et al. (CVPR 2016, section 4.2) with 6 n + 2 layers and
/// shortcuts without parameters, in the form and with the names of akamaster/pytorch_resnet_cifar10. A stage
/// is the first convolution or one residual block; the last one includes the global average pooling. Throws
/// InvalidOption for a depth that is not 6 n + 2 or fewer than one class.
[[nodiscard]] NetworkPtr cifar_resnet(int depth, std::int64_t classes = 10);

}  // namespace attune
