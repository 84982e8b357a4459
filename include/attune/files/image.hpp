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

struct ReadImageOptions {
    std::int64_t max_pixels = 100'000'000;  ///< of the picture as stored; larger ones are refused
    /// Turn and mirror the picture as its EXIF data says (JPEG and PNG); otherwise it comes as stored.
    bool apply_orientation = false;
    /// A JPEG may come at 1/2, 1/4 or 1/8 of its size where its shorter side stays at least this long: much
    /// faster, for pictures that are made smaller anyway. 0: in full.
    std::int64_t shorter_side = 0;

    /// Throws InvalidOption that names the option, its value and the rule.
    void validate() const;
};

/// What the header of a picture says.
struct ImageInfo {
    std::int64_t width = 0;   ///< as stored
    std::int64_t height = 0;  ///< as stored
    int channels = 3;         ///< as stored: 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha, or CMYK
    int bits = 8;             ///< of a channel
    bool is_cmyk = false;
    bool has_palette = false;
    int orientation = 1;  ///< EXIF's, 1 (upright) to 8
};

/// Reads no more than the header's facts; errors as read_image. Thread-safe.
[[nodiscard]] ImageInfo read_image_info(const std::filesystem::path& path);

/// Decodes a JPEG (baseline, progressive, grey, CMYK) or PNG (grey, palette, alpha, 16 bit) file, told apart
/// by content. Alpha is dropped, grey repeated three times, EXIF orientation ignored (as torchvision's and
/// PIL's plain decoding do). Throws FileError that names the path for anything missing, damaged, truncated or
/// larger than `max_pixels`. Thread-safe.
[[nodiscard]] Image read_image(const std::filesystem::path& path, std::int64_t max_pixels = 100'000'000);

/// The same with options. Throws InvalidOption too.
[[nodiscard]] Image read_image(const std::filesystem::path& path, const ReadImageOptions& options);

/// Writes an 8-bit RGB PNG; throws FileError.
void write_png(const std::filesystem::path& path, const Image& image);

/// The PNG file of `image` in memory (for reports that embed pictures).
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace attune
