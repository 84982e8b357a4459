#include "attune/files/image.hpp"

#include "attune/error.hpp"
#include "byte_source.hpp"
#include "image_codecs.hpp"

namespace attune {
namespace {

constexpr std::uint64_t max_file_bytes = std::uint64_t{1} << 30;

Image decode(const std::string& file, std::int64_t max_pixels) {
    const std::span bytes(reinterpret_cast<const unsigned char*>(file.data()), file.size());
    if (file.starts_with("\xFF\xD8\xFF")) return detail::decode_jpeg(bytes, max_pixels);
    if (file.starts_with("\x89PNG\r\n\x1A\n")) return detail::decode_png(bytes, max_pixels);
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

}  // namespace detail

Image read_image(const std::filesystem::path& path, std::int64_t max_pixels) {
    const std::string file = detail::read_whole_file(path, max_file_bytes);
    try {
        return decode(file, max_pixels);
    } catch (const detail::ImageProblem& problem) {
        throw FileError(path.string() + ": " + problem.what());
    }
}

}  // namespace attune
