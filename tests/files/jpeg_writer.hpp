#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
// clang-format off
#include <jpeglib.h>
// clang-format on

#include <string>
#include <vector>

namespace attune::test {

/// A JPEG of `components` channels (1 grey, 2 of no known colours, 3 RGB, 4 inverted CMYK as Adobe programs
/// write it), rows as given.
inline std::string encode_jpeg(unsigned width, unsigned height, int components,
                               std::vector<unsigned char> pixels, bool progressive = false) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* memory = nullptr;
    unsigned long size = 0;
    jpeg_mem_dest(&info, &memory, &size);
    info.image_width = width;
    info.image_height = height;
    info.input_components = components;
    constexpr J_COLOR_SPACE spaces[] = {JCS_GRAYSCALE, JCS_UNKNOWN, JCS_RGB, JCS_CMYK};
    info.in_color_space = spaces[components - 1];
    jpeg_set_defaults(&info);
    if (components == 4) jpeg_set_colorspace(&info, JCS_YCCK);
    jpeg_set_quality(&info, 98, TRUE);
    if (progressive) jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < height) {
        JSAMPROW row =
            pixels.data() + std::size_t{info.next_scanline} * width * static_cast<unsigned>(components);
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    std::string file(reinterpret_cast<char*>(memory), size);
    std::free(memory);
    return file;
}

}  // namespace attune::test
