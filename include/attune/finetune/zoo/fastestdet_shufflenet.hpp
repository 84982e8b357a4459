#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The ShuffleNetV2 trunk of the detector FastestDet, width 0.5, with that project's names and channel order
/// (not torchvision's), followed by global average pooling and a linear head `fc`. Its pretrained files hold
/// no head. A stage is the first convolution with its pooling or one unit; the last one includes the global
/// average pooling. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr fastestdet_shufflenet(std::int64_t classes = 1000);

}  // namespace attune
