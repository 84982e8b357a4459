#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "attune/finetune/data/image_data.hpp"
#include "picture_reader.hpp"

namespace attune {

/// The pictures themselves: in memory, or read on demand.
struct ImageData::Pictures {
    torch::Tensor pixels;                           ///< undefined where they are read on demand
    std::unique_ptr<detail::PictureReader> reader;  ///< null where they are in memory
};

/// What else copies of an ImageData share.
struct ImageData::Store {
    std::vector<std::int64_t> labels;
    std::vector<std::string> classes;
    std::vector<std::string> names;
    std::vector<std::string> groups;
    Framing framing;
    bool is_oriented = false;
    std::vector<SkippedFile> skipped;
};

namespace detail {

/// Side of the stored square of a framing, in pixels.
[[nodiscard]] std::int64_t stored_side(const Framing& framing);

/// The size that the shorter side of a picture is resized to at least.
[[nodiscard]] std::int64_t resized_side(const Framing& framing);

/// The stored square of a picture, 3 x side x side.
[[nodiscard]] std::vector<std::uint8_t> frame(const Image& image, const Framing& framing);

/// How a file is read for these options.
[[nodiscard]] ReadImageOptions reading_of(const DataOptions& options);

}  // namespace detail
}  // namespace attune
