#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The shape of a ConvNeXt.
struct ConvNeXtOptions {
    std::array<std::int64_t, 4> widths{96, 192, 384, 768};
    std::array<int, 4> blocks{3, 3, 9, 3};
    double stochastic_depth = 0.1;  ///< of the last block; 0 at the first, linear in between

    /// Throws InvalidOption.
    void validate() const;
};

/// ConvNeXt (Liu et al., "A ConvNet for the 2020s", CVPR 2022), with torchvision's names and initialisation.
/// A stage is the stem, one block, or a downsampling; the last one includes the global average pooling and
/// the normalisation behind it. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr convnext(const ConvNeXtOptions& options, std::int64_t classes = 1000);

}  // namespace attune
