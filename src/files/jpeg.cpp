// jpeglib.h needs FILE and size_t declared before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <csetjmp>
#include <string>
#include <string_view>
#include <utility>

#include "exif.hpp"
#include "image_codecs.hpp"

namespace attune::detail {
namespace {

constexpr int max_scans =
    500;  // a progressive file of a few bytes can ask for thousands of passes over the picture

/// libjpeg's state. Its errors come back by longjmp, so no function that calls libjpeg holds an object with a
/// destructor.
struct JpegReader {
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    jpeg_progress_mgr progress{};
    std::jmp_buf escape{};
    char message[JMSG_LENGTH_MAX] = {};

    JpegReader() = default;
    JpegReader(const JpegReader&) = delete;
    JpegReader& operator=(const JpegReader&) = delete;
    ~JpegReader() { jpeg_destroy_decompress(&info); }
};

[[noreturn]] void leave(JpegReader& reader) { std::longjmp(reader.escape, 1); }

void on_error(j_common_ptr info) {
    auto& reader = *static_cast<JpegReader*>(info->client_data);
    reader.errors.format_message(info, reader.message);
    leave(reader);
}

// libjpeg fills gaps in damaged data with grey and only warns. Everything that can cost picture content is an
// error; what cameras and editors leave behind beside the picture is not.
void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    const int code = info->err->msg_code;
    const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR;
    if (!harmless) on_error(info);
}

void on_progress(j_common_ptr info) {
    auto& reader = *static_cast<JpegReader*>(info->client_data);
    if (reader.info.input_scan_number <= max_scans) return;
    std::snprintf(reader.message, sizeof reader.message, "more than %d scans", max_scans);
    leave(reader);
}

bool read_header(JpegReader& reader, const unsigned char* bytes, unsigned long size) {
    reader.info.err = jpeg_std_error(&reader.errors);
    reader.errors.error_exit = on_error;
    reader.errors.emit_message = on_message;
    reader.info.client_data = &reader;
    if (setjmp(reader.escape) != 0) return false;
    jpeg_create_decompress(&reader.info);
    reader.progress.progress_monitor = on_progress;
    reader.info.progress = &reader.progress;
    jpeg_mem_src(&reader.info, bytes, size);
    jpeg_save_markers(&reader.info, JPEG_APP0 + 1, 0xFFFF);  // where EXIF data is
    jpeg_read_header(&reader.info, TRUE);
    if (reader.info.jpeg_color_space == JCS_UNKNOWN) ERREXIT(&reader.info, JERR_CONVERSION_NOTIMPL);
    reader.info.out_color_space = reader.info.num_components == 4 ? JCS_CMYK : JCS_RGB;
    reader.info.dct_method = JDCT_ISLOW;
    reader.info.do_fancy_upsampling = TRUE;
    return true;
}

bool read_rows(JpegReader& reader, unsigned char* out) {
    if (setjmp(reader.escape) != 0) return false;
    jpeg_start_decompress(&reader.info);
    const std::size_t stride =
        std::size_t{reader.info.output_width} * static_cast<std::size_t>(reader.info.output_components);
    while (reader.info.output_scanline < reader.info.output_height) {
        JSAMPROW row = out + stride * reader.info.output_scanline;
        jpeg_read_scanlines(&reader.info, &row, 1);
    }
    jpeg_finish_decompress(&reader.info);
    return true;
}

std::uint8_t scaled(unsigned a, unsigned b) {
    const unsigned product = a * b + 128;
    return static_cast<std::uint8_t>(((product >> 8) + product) >> 8);
}

// Four-channel files store inverted inks (Adobe's convention, which other readers also assume for all of
// them); ink and black are combined in the way of PIL's plain conversion.
void cmyk_to_rgb(std::vector<std::uint8_t>& pixels) {
    const std::size_t count = pixels.size() / 4;
    for (std::size_t i = 0; i < count; ++i) {
        const unsigned light = pixels[4 * i + 3];
        for (std::size_t c = 0; c < 3; ++c) {
            const unsigned ink = 255U - pixels[4 * i + c];
            pixels[3 * i + c] = static_cast<std::uint8_t>(light - scaled(ink, light));
        }
    }
    pixels.resize(3 * count);
}

int orientation_of(const JpegReader& reader) {
    constexpr std::string_view name("Exif\0\0", 6);
    for (const auto* marker = reader.info.marker_list; marker != nullptr; marker = marker->next) {
        const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
        if (marker->marker == JPEG_APP0 + 1 && data.starts_with(name))
            return exif_orientation({marker->data + name.size(), data.size() - name.size()});
    }
    return 1;
}

/// A whole file of a kind that is not read is not called damaged.
ImageProblem problem_of(const JpegReader& reader) {
    const int components = reader.info.num_components;
    switch (reader.errors.msg_code) {
        case JERR_BAD_PRECISION:
            return ImageProblem("is a JPEG of " + std::to_string(reader.info.data_precision) +
                                " bits a channel; 8 are read");
        case JERR_CONVERSION_NOTIMPL:
        case JERR_BAD_J_COLORSPACE:
            return ImageProblem("is a JPEG of " + std::to_string(components) +
                                (components == 1 ? " channel" : " channels") +
                                " whose colours are not known; grey, colour and CMYK are read");
        case JERR_SOF_UNSUPPORTED:
        case JERR_ARITH_NOTIMPL:
        case JERR_NOTIMPL:
        case JERR_NOT_COMPILED:
            return ImageProblem("is a JPEG of a kind that is not read: " + std::string(reader.message));
        default:
            return ImageProblem("is a damaged or truncated JPEG: " + std::string(reader.message));
    }
}

/// Asks for the smallest of the sizes 1, 1/2, 1/4 and 1/8 whose shorter side is long enough, and computes it.
bool choose_scale(JpegReader& reader, std::int64_t shorter_side) {
    if (setjmp(reader.escape) != 0) return false;
    const auto shorter = std::int64_t{std::min(reader.info.image_width, reader.info.image_height)};
    reader.info.scale_num = 1;
    reader.info.scale_denom = 1;
    for (const unsigned part : {2U, 4U, 8U})
        if (shorter_side > 0 && shorter / part >= shorter_side) reader.info.scale_denom = part;
    jpeg_calc_output_dimensions(&reader.info);
    return true;
}

}  // namespace

Image decode_jpeg(std::span<const unsigned char> file, const ReadImageOptions& options) {
    JpegReader reader;
    if (!read_header(reader, file.data(), static_cast<unsigned long>(file.size()))) throw problem_of(reader);
    check_pixels(reader.info.image_width, reader.info.image_height, options.max_pixels);
    if (!choose_scale(reader, options.shorter_side)) throw problem_of(reader);
    Image image{reader.info.output_width, reader.info.output_height, {}};
    const bool is_cmyk = reader.info.out_color_space == JCS_CMYK;
    const int orientation = options.apply_orientation ? orientation_of(reader) : 1;
    image.pixels.resize(static_cast<std::size_t>(image.width * image.height) * (is_cmyk ? 4 : 3));
    if (!read_rows(reader, image.pixels.data())) throw problem_of(reader);
    if (is_cmyk) cmyk_to_rgb(image.pixels);
    return oriented(std::move(image), orientation);
}

ImageInfo inspect_jpeg(std::span<const unsigned char> file) {
    JpegReader reader;
    if (!read_header(reader, file.data(), static_cast<unsigned long>(file.size()))) throw problem_of(reader);
    ImageInfo info;
    info.width = reader.info.image_width;
    info.height = reader.info.image_height;
    info.channels = reader.info.num_components;
    info.bits = reader.info.data_precision;
    info.is_cmyk = reader.info.num_components == 4;
    info.orientation = orientation_of(reader);
    return info;
}

}  // namespace attune::detail
