#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// DenseNet with bottlenecks and compression (Huang et al., CVPR 2017) of 121, 161, 169 or 201 layers, with
/// torchvision's names and initialisation. A stage is the stem, a dense layer with the concatenation of all
/// before it, a transition, or the last normalisation with the global average pooling. Throws InvalidOption
/// for another depth or fewer than one class.
[[nodiscard]] NetworkPtr densenet(int depth, std::int64_t classes = 1000);

}  // namespace attune
