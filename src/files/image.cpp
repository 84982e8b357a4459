#include "attune/files/image.hpp"

#include <algorithm>
#include <string>

#include "attune/error.hpp"
#include "byte_source.hpp"
#include "image_codecs.hpp"

namespace attune {
namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 30;

/// Hands the bytes of a file to the functions for its kind.
template <typename Jpeg, typename Png>
auto by_kind(const std::string& file, const Jpeg& jpeg, const Png& png) {
    const std::span bytes(reinterpret_cast<const unsigned char*>(file.data()), file.size());
    if (file.starts_with("\xFF\xD8\xFF")) return jpeg(bytes);
    if (file.starts_with("\x89PNG\r\n\x1A\n")) return png(bytes);
    throw detail::ImageProblem(file.empty() ? "is empty, a JPEG or PNG is needed"
                                            : "is no JPEG or PNG: its first bytes are those of neither");
}

}  // namespace

namespace detail {

void check_pixels(std::int64_t width, std::int64_t height, std::int64_t max_pixels) {
    if (width < 1 || height < 1 || width > max_pixels / height)
        throw ImageProblem("is a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                           " pixels, from 1 to " + std::to_string(max_pixels) + " are read");
}

Image oriented(Image image, int orientation) {
    if (orientation < 2 || orientation > 8) return image;
    // Values from 5 on exchange rows and columns; the others of each four mirror one or both of the sides.
    const bool swaps = orientation >= 5;
    const bool flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Image result{swaps ? image.height : image.width, swaps ? image.width : image.height, {}};
    result.pixels.resize(image.pixels.size());
    auto* out = result.pixels.data();
    for (std::int64_t y = 0; y < result.height; ++y)
        for (std::int64_t x = 0; x < result.width; ++x) {
            std::int64_t from_x = swaps ? y : x;
            std::int64_t from_y = swaps ? x : y;
            if (flips_x) from_x = image.width - 1 - from_x;
            if (flips_y) from_y = image.height - 1 - from_y;
            const auto* in = image.pixels.data() + 3 * (from_y * image.width + from_x);
            out = std::copy_n(in, 3, out);
        }
    return result;
}

}  // namespace detail

namespace {

template <typename Jpeg, typename Png>
auto read_file(const std::filesystem::path& path, const Jpeg& jpeg, const Png& png) {
    const std::string file = detail::read_whole_file(path, max_file_bytes);
    try {
        return by_kind(file, jpeg, png);
    } catch (const detail::ImageProblem& problem) {
        throw FileError(path.string() + ": " + problem.what());
    }
}

}  // namespace

void ReadImageOptions::validate() const {
    if (max_pixels < 1)
        throw InvalidOption("max_pixels " + std::to_string(max_pixels) + " must be at least 1");
    if (shorter_side < 0)
        throw InvalidOption("shorter_side " + std::to_string(shorter_side) + " must be at least 0");
}

Image read_image(const std::filesystem::path& path, const ReadImageOptions& options) {
    options.validate();
    return read_file(
        path, [&](auto bytes) { return detail::decode_jpeg(bytes, options); },
        [&](auto bytes) { return detail::decode_png(bytes, options); });
}

Image read_image(const std::filesystem::path& path, std::int64_t max_pixels) {
    return read_image(path, ReadImageOptions{.max_pixels = max_pixels});
}

ImageInfo read_image_info(const std::filesystem::path& path) {
    return read_file(path, detail::inspect_jpeg, detail::inspect_png);
}

}  // namespace attune
