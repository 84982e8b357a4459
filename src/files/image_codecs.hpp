#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>

#include "attune/files/image.hpp"

namespace attune::detail {

/// What is wrong with a picture: the end of a sentence that begins with the file's path.
struct ImageProblem : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// Decode whole files in memory to RGB. Throw ImageProblem for damage of any kind and more than `max_pixels`
/// pixels.
[[nodiscard]] Image decode_jpeg(std::span<const unsigned char> file, const ReadImageOptions& options);
[[nodiscard]] Image decode_png(std::span<const unsigned char> file, const ReadImageOptions& options);

/// What the header says; throw ImageProblem.
[[nodiscard]] ImageInfo inspect_jpeg(std::span<const unsigned char> file);
[[nodiscard]] ImageInfo inspect_png(std::span<const unsigned char> file);

/// The picture turned and mirrored as EXIF's orientation (1 to 8) says.
[[nodiscard]] Image oriented(Image image, int orientation);

/// Throws ImageProblem unless 1 <= width * height <= max_pixels.
void check_pixels(std::int64_t width, std::int64_t height, std::int64_t max_pixels);

}  // namespace attune::detail
