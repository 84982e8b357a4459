#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// GoogLeNet with batch normalisation (Szegedy et al., CVPR 2015), with torchvision's names (auxiliary heads
/// aux1 and aux2 included) and initialisation. A stage is a convolution or an inception module, each with the
/// pooling behind it; the last one includes the global average pooling. Throws InvalidOption for fewer than
/// one class.
[[nodiscard]] NetworkPtr googlenet(std::int64_t classes = 1000);

}  // namespace attune
