#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "attune/finetune/data/image_data.hpp"

namespace attune {

/// What copies of an ImageData share.
struct ImageData::Store {
    torch::Tensor pixels;
    std::vector<std::int64_t> labels;
    std::vector<std::string> classes;
    std::vector<std::string> names;
    Framing framing;
    std::vector<SkippedFile> skipped;
};

namespace detail {

/// Side of the stored square of a framing, in pixels.
[[nodiscard]] std::int64_t stored_side(const Framing& framing);

/// The stored square of a picture, 3 x side x side.
[[nodiscard]] std::vector<std::uint8_t> frame(const Image& image, const Framing& framing);

}  // namespace detail
}  // namespace attune
