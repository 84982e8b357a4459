#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The numbers that span the design space of the paper.
struct RegNetOptions {
    int depth = 16;                   ///< blocks in all
    std::int64_t initial_width = 48;  ///< w_0, a multiple of 8
    double slope = 27.89;             ///< w_a, of the widths over the blocks
    double step = 2.09;               ///< w_m, the ratio between the widths of consecutive stages
    std::int64_t group_width = 8;     ///< channels a group of the 3 x 3 convolutions
    double squeeze = 0;               ///< share of squeezed channels; above 0 it is a RegNetY

    /// Throws InvalidOption.
    void validate() const;
};

/// RegNetX and RegNetY (Radosavovic et al., "Designing Network Design Spaces", CVPR 2020), with torchvision's
/// names and initialisation. A stage is the stem or one residual block; the last one includes the global
/// average pooling. Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr regnet(const RegNetOptions& options, std::int64_t classes = 1000);

}  // namespace attune
