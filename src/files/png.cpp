#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "attune/error.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/space/detail/counted.hpp"
#include "exif.hpp"
#include "image_codecs.hpp"

namespace attune::detail {
namespace {

constexpr png_alloc_size_t max_chunk_bytes =
    8'000'000;  // texts and profiles are inflated, so a small file can ask for more

/// libpng's state. Its errors come back by longjmp, so no function that calls libpng holds an object with a
/// destructor.
struct PngReader {
    png_structp png = nullptr;
    png_infop info = nullptr;
    const unsigned char* next = nullptr;
    std::size_t left = 0;
    char message[200] = {};

    PngReader() = default;
    PngReader(const PngReader&) = delete;
    PngReader& operator=(const PngReader&) = delete;
    ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
    auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(reader.message, sizeof reader.message, "%s", message);
    png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // about chunks beside the picture

void on_read(png_structp png, png_bytep out, std::size_t count) {
    auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader.left) png_error(png, "the file ends too early");
    std::memcpy(out, reader.next, count);
    reader.next += count;
    reader.left -= count;
}

bool read_header(PngReader& reader) {
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
    if (reader.png == nullptr) return false;
    reader.info = png_create_info_struct(reader.png);
    if (reader.info == nullptr) return false;
    if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
    png_set_read_fn(reader.png, &reader, on_read);
    png_set_chunk_malloc_max(reader.png, max_chunk_bytes);
    png_set_chunk_cache_max(reader.png, 100);
    png_read_info(reader.png, reader.info);
    return true;
}

// 8-bit RGB without colour management: palettes looked up, grey repeated, 16 bits cut to the upper 8, alpha
// left out.
bool read_rows(PngReader& reader, png_bytepp rows, std::size_t row_bytes) {
    if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
    png_set_strip_16(reader.png);
    png_set_expand(reader.png);
    png_set_gray_to_rgb(reader.png);
    png_set_strip_alpha(reader.png);
    png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    if (png_get_rowbytes(reader.png, reader.info) != row_bytes)
        png_error(reader.png, "its rows are not 8-bit RGB");
    png_read_image(reader.png, rows);
    png_read_end(reader.png, nullptr);
    return true;
}

int orientation_of(const PngReader& reader) {
    png_uint_32 size = 0;
    png_bytep bytes = nullptr;
    if (png_get_eXIf_1(reader.png, reader.info, &size, &bytes) == 0) return 1;
    return exif_orientation({bytes, size});
}

ImageProblem problem_of(const PngReader& reader) {
    return ImageProblem("is a damaged or truncated PNG: " + std::string(reader.message));
}

}  // namespace

ImageInfo inspect_png(std::span<const unsigned char> file) {
    PngReader reader;
    reader.next = file.data();
    reader.left = file.size();
    if (!read_header(reader)) throw problem_of(reader);
    ImageInfo info;
    info.width = png_get_image_width(reader.png, reader.info);
    info.height = png_get_image_height(reader.png, reader.info);
    info.channels = png_get_channels(reader.png, reader.info);
    info.bits = png_get_bit_depth(reader.png, reader.info);
    info.has_palette = png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE;
    info.orientation = orientation_of(reader);
    return info;
}

Image decode_png(std::span<const unsigned char> file, const ReadImageOptions& options) {
    PngReader reader;
    reader.next = file.data();
    reader.left = file.size();
    if (!read_header(reader)) throw problem_of(reader);
    Image image{
        png_get_image_width(reader.png, reader.info), png_get_image_height(reader.png, reader.info), {}};
    check_pixels(image.width, image.height, options.max_pixels);
    const int orientation = options.apply_orientation ? orientation_of(reader) : 1;
    const std::size_t row_bytes = static_cast<std::size_t>(image.width) * 3;
    image.pixels.resize(row_bytes * static_cast<std::size_t>(image.height));
    std::vector<png_bytep> rows;
    for (std::size_t i = 0; i < static_cast<std::size_t>(image.height); ++i)
        rows.push_back(image.pixels.data() + i * row_bytes);
    if (!read_rows(reader, rows.data(), row_bytes)) throw problem_of(reader);
    return oriented(std::move(image), orientation);
}

}  // namespace attune::detail

namespace attune {

std::vector<std::uint8_t> encode_png(const Image& image) {
    const bool sizes_fit = image.width > 0 && image.height > 0 && image.width <= PNG_USER_WIDTH_MAX &&
                           image.height <= PNG_USER_HEIGHT_MAX;
    if (!sizes_fit || image.pixels.size() != static_cast<std::size_t>(image.width * image.height) * 3)
        throw FileError(
            "a picture of " + std::to_string(image.width) + " x " + std::to_string(image.height) + " with " +
            detail::counted(image.pixels.size(), "byte") +
            " cannot be written as PNG: sides from 1 to 1000000 and 3 bytes for each pixel are needed");
    png_image target{};
    target.version = PNG_IMAGE_VERSION;
    target.width = static_cast<png_uint_32>(image.width);
    target.height = static_cast<png_uint_32>(image.height);
    target.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(target);
    std::vector<std::uint8_t> file(size);
    if (png_image_write_to_memory(&target, file.data(), &size, 0, image.pixels.data(), 0, nullptr) == 0)
        throw FileError("a picture cannot be written as PNG: " + std::string(target.message));
    file.resize(size);
    file.shrink_to_fit();
    return file;
}

void write_png(const std::filesystem::path& path, const Image& image) {
    const std::vector<std::uint8_t> file = encode_png(image);
    write_file_atomically(path, std::as_bytes(std::span(file)));
}

}  // namespace attune
