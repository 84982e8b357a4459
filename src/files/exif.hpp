#pragma once

#include <span>

namespace attune::detail {

/// The orientation, 1 to 8, that a block of EXIF data (from its TIFF header on) tells; 1 where it tells none
/// or is damaged.
[[nodiscard]] int exif_orientation(std::span<const unsigned char> tiff);

}  // namespace attune::detail
