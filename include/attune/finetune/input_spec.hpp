#pragma once

#include <array>
#include <cstdint>

namespace attune {

/// What a network expects of its input images.
struct InputSpec {
    std::int64_t image_size = 224;  ///< side of the square it was trained on, in pixels
    std::int64_t minimum_size =
        32;  ///< smallest side, in pixels, that leaves something to look at after its strides
    std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< of RGB scaled to [0, 1]
    std::array<double, 3> std{0.229, 0.224, 0.225};
};

}  // namespace attune
