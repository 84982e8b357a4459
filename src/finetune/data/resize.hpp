#pragma once

#include <cstdint>
#include <vector>

namespace attune::detail {

/// Antialiased bilinear resize of interleaved or planar 8-bit pictures as PIL does it: a triangle as wide as
/// the scale, first along rows, then along columns, in 22-bit fixed point with the result of each pass
/// rounded to 8 bits. (Plain C++, so that loading threads do not start torch's thread teams inside their
/// own.) `pixels` is planes x height x width; the result planes x new_height x new_width.
[[nodiscard]] std::vector<std::uint8_t> resize_planes(const std::uint8_t* pixels, std::int64_t planes,
                                                      std::int64_t height, std::int64_t width,
                                                      std::int64_t new_height, std::int64_t new_width);

}  // namespace attune::detail
