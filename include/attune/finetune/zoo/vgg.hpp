#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// VGG (Simonyan and Zisserman, ICLR 2015) of 11, 13, 16 or 19 layers, with or without batch normalisation,
/// with torchvision's names and initialisation. A stage is a convolution with what follows it or a hidden
/// linear layer. Throws InvalidOption for another depth or fewer than one class.
[[nodiscard]] NetworkPtr vgg(int depth, bool batch_norm, std::int64_t classes = 1000);

}  // namespace attune
