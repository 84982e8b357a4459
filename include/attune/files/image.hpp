#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace attune {

/// A decoded picture: 8-bit RGB, interleaved rows (height x width x 3), top row first.
struct Image {
    std::int64_t width = 0;
    std::int64_t height = 0;
    std::vector<std::uint8_t> pixels;
};

/// Decodes a JPEG (baseline, progressive, grey, CMYK) or PNG (grey, palette, alpha, 16 bit) file, told apart
/// by content. Alpha is dropped, grey repeated three times, EXIF orientation ignored (as torchvision's and
/// PIL's plain decoding do). Throws FileError that names the path for anything missing, damaged, truncated or
/// larger than `max_pixels`. Thread-safe.
[[nodiscard]] Image read_image(const std::filesystem::path& path, std::int64_t max_pixels = 100'000'000);

/// Writes an 8-bit RGB PNG; throws FileError.
void write_png(const std::filesystem::path& path, const Image& image);

/// The PNG file of `image` in memory (for reports that embed pictures).
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace attune
