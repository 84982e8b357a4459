#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// AlexNet in the form of Krizhevsky, "One weird trick for parallelizing convolutional neural networks"
/// (2014), with torchvision's names and initialisation. A stage is a convolution with its pooling or a hidden
/// linear layer. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr alexnet(std::int64_t classes = 1000);

}  // namespace attune
