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
    std::int64_t channels = 3;  ///< of the images; with other than 3 the statistics are the host's affair
    std::int64_t multiple = 1;  ///< both sides must be multiples of this many pixels
    bool fixed_size = false;    ///< only squares of `image_size` pass (see Network::set_image_size)

    /// Whether images of height x width pixels pass.
    [[nodiscard]] constexpr bool accepts(std::int64_t height, std::int64_t width) const noexcept {
        if (fixed_size) return height == image_size && width == image_size;
        return height >= minimum_size && width >= minimum_size && height % multiple == 0 &&
               width % multiple == 0;
    }
};

}  // namespace attune
