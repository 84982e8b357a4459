#pragma once

#include <cstdint>
#include <vector>

namespace attune::detail {

/// A part of a picture, in its pixels.
struct Window {
    std::int64_t top = 0;
    std::int64_t left = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
};

/// Antialiased bilinear resize of 8-bit pictures as PIL does it, bit for bit: a triangle as wide as the
/// scale, first along rows, then along columns, in 22-bit fixed point with the result of each pass rounded to
/// 8 bits. (Plain C++, so that loading threads do not start torch's thread teams inside their own.) `pixels`
/// is height x width x 3; of the picture of new_height x new_width only what `window`, which lies inside it,
/// shows is computed: 3 x window.height x window.width.
[[nodiscard]] std::vector<std::uint8_t> resize_window(const std::uint8_t* pixels, std::int64_t height,
                                                      std::int64_t width, std::int64_t new_height,
                                                      std::int64_t new_width, const Window& window);

/// A window of a picture of 3 planes (plane_height x plane_width) as height x width x 3.
[[nodiscard]] std::vector<std::uint8_t> interleaved(const std::uint8_t* planes, std::int64_t plane_height,
                                                    std::int64_t plane_width, const Window& window);

}  // namespace attune::detail
