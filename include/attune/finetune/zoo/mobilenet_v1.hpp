#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// How convolutions of stride 2 pad an image of even size.
enum class Padding {
    symmetric,   ///< as much on both sides: what PyTorch does
    tensorflow,  ///< "SAME": what is left over goes to the right and below, so that TensorFlow's weights fit
};

/// MobileNetV1 (Howard et al., 2017) of width 0.25, 0.5, 0.75 or 1.0, for images of 128 to 224 pixels. Names:
/// features.0.{0,1} the first convolution and its normalisation, features.<i>.{0,1,3,4} the depthwise and the
/// pointwise one of each pair, classifier.1 the head. Batch normalisation and rectification at 6 as
/// TensorFlow has them. A stage is the first convolution or one pair; the last one includes the global
/// average pooling. Throws InvalidOption for another width or fewer than one class.
[[nodiscard]] NetworkPtr mobilenet_v1(double width, Padding padding = Padding::symmetric,
                                      std::int64_t classes = 1000);

}  // namespace attune
