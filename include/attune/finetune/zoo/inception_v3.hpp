#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// Inception V3 (Szegedy et al., CVPR 2016), with torchvision's names (the auxiliary head AuxLogits included)
/// and initialisation. A stage is a convolution or an inception module, each with the pooling behind it; the
/// last one includes the global average pooling. The auxiliary head needs images of 299 pixels and more.
/// Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr inception_v3(std::int64_t classes = 1000);

}  // namespace attune
