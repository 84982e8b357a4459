#pragma once

#include <cstdint>

#include "attune/finetune/data/image_data.hpp"

/// Images drawn by formula, so that the program runs anywhere.

/// Metal surfaces with a defect, in six classes (scratches, pits, patches, crazing, inclusions, rolled-in
/// scale): `per_class` training, validation and test images of each. Square pictures of 32 pixels. A function
/// of the seed.
struct SurfaceCounts {
    std::int64_t train = 10;
    std::int64_t validation = 20;
    std::int64_t test = 60;
};
[[nodiscard]] attune::ImageData draw_surfaces(const SurfaceCounts& per_class, std::uint64_t seed);

/// The other task that the backbone is trained on: eighteen kinds of textures (stripes in four directions,
/// rings, checkers, dots, bricks, clouds, confetti ...) in any colours, with noise. A tenth of them is the
/// validation part.
[[nodiscard]] attune::ImageData draw_patterns(std::int64_t per_class, std::uint64_t seed);
