#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The shape of a residual network for photographs.
struct ResNetOptions {
    std::array<int, 4> blocks{2, 2, 2, 2};  ///< residual blocks in layer1 to layer4
    bool bottleneck = false;  ///< blocks of three convolutions (50 layers and more) instead of two
    int groups = 1;           ///< of the middle convolution; more than one is ResNeXt
    int group_width = 64;     ///< its channels a group at the first layer; 128 is the double-wide variant

    /// Throws InvalidOption: blocks of two convolutions have no groups; all numbers are positive.
    void validate() const;
};

/// ResNet (He et al., CVPR 2016; stride in the 3 x 3 convolution), ResNeXt (Xie et al., CVPR 2017) and Wide
/// ResNet (Zagoruyko and Komodakis, BMVC 2016), with torchvision's names and initialisation. A stage is the
/// stem with its pooling or one residual block; the last one includes the global average pooling. Throws
/// InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr resnet(const ResNetOptions& options, std::int64_t classes = 1000);

}  // namespace attune
