#include "attune/files/image.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>

#include "jpeg_writer.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
namespace fs = std::filesystem;

namespace {

Image gradient(std::int64_t width, std::int64_t height) {
    Image image{width, height, {}};
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            for (std::int64_t c = 0; c < 3; ++c)
                image.pixels.push_back(static_cast<std::uint8_t>((x * 11 + y * 7 + c * 50) % 256));
    return image;
}

std::string chunk(const std::string& type, const std::string& data) {
    const auto reversed = [](const std::string& text) { return std::string(text.rbegin(), text.rend()); };
    const std::string body = type + data;
    const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    return reversed(little(data.size(), 4)) + body + reversed(little(crc, 4));
}

std::string compressed(const std::string& rows) {
    uLongf size = compressBound(rows.size());
    std::string out(size, '\0');
    compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
             rows.size());
    return out.substr(0, size);
}

/// A PNG with sides below 256, its rows (each with a filter byte) and further chunks given.
std::string png(int width, int height, int depth, int colour, const std::string& extra,
                const std::string& rows) {
    const std::string sizes{0, 0, 0, static_cast<char>(width), 0, 0, 0, static_cast<char>(height)};
    const std::string kind{static_cast<char>(depth), static_cast<char>(colour), 0, 0, 0};
    return "\x89PNG\r\n\x1A\n" + chunk("IHDR", sizes + kind) + extra + chunk("IDAT", compressed(rows)) +
           chunk("IEND", "");
}

std::vector<int> pixels_of(const fs::path& path) {
    const Image image = read_image(path);
    return {image.pixels.begin(), image.pixels.end()};
}

}  // namespace

TEST_CASE("a written PNG is read back exactly") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.png";
    const Image image = gradient(13, 7);
    write_png(path, image);
    const Image back = read_image(path);
    CHECK(back.width == 13);
    CHECK(back.height == 7);
    CHECK(back.pixels == image.pixels);
    const auto memory = encode_png(image);
    CHECK(std::string(memory.begin(), memory.end()) == read_text(path));
    CHECK_THROWS_AS((void)encode_png({2, 2, {1, 2, 3}}), FileError);
    CHECK_THROWS_AS((void)encode_png({0, 0, {}}), FileError);
}

TEST_CASE("PNG kinds become 8-bit RGB as PIL's") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.png";
    write_text(path, png(2, 1, 8, 4, "", std::string("\0\x10\x00\x20\xFF", 5)));  // grey and alpha
    CHECK(pixels_of(path) == std::vector<int>{16, 16, 16, 32, 32, 32});
    write_text(path,
               png(1, 1, 16, 2, "", std::string("\0\x12\xFF\x34\xFF\x56\xFF", 7)));  // 16 bits: the upper 8
    CHECK(pixels_of(path) == std::vector<int>{0x12, 0x34, 0x56});
    write_text(path, png(4, 1, 2, 0, "", std::string("\0\x1B", 2)));  // four grey levels in one byte
    CHECK(pixels_of(path) == std::vector<int>{0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255});
    write_text(path, png(2, 1, 1, 0, "", std::string("\0\x40", 2)));  // one bit
    CHECK(pixels_of(path) == std::vector<int>{0, 0, 0, 255, 255, 255});
    const std::string palette =
        chunk("PLTE", "\x01\x02\x03\x0A\x0B\x0C") + chunk("tRNS", std::string("\0", 1));
    write_text(path,
               png(2, 1, 8, 3, palette, std::string("\0\x01\x00", 3)));  // palette with a transparent entry
    CHECK(pixels_of(path) == std::vector<int>{10, 11, 12, 1, 2, 3});
    const std::string gamma = chunk("gAMA", std::string("\0\0\x30\x00", 4));
    write_text(path, png(1, 1, 8, 2, gamma, std::string("\0\x80\x81\x82", 4)));  // gamma is left alone
    CHECK(pixels_of(path) == std::vector<int>{0x80, 0x81, 0x82});
}

TEST_CASE("JPEG kinds become RGB") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.jpg";
    write_text(path, encode_jpeg(16, 8, 1, std::vector<unsigned char>(128, 77)));
    CHECK(pixels_of(path) == std::vector<int>(128 * 3, 77));
    for (const bool progressive : {false, true}) {
        std::vector<unsigned char> flat;
        for (int i = 0; i < 64; ++i) flat.insert(flat.end(), {200, 100, 50});
        write_text(path, encode_jpeg(8, 8, 3, flat, progressive));
        const auto pixels = pixels_of(path);
        REQUIRE(pixels.size() == 192);
        CHECK(std::abs(pixels[0] - 200) <= 2);
        CHECK(std::abs(pixels[1] - 100) <= 2);
        CHECK(std::abs(pixels[2] - 50) <= 2);
    }
    // Inverted inks: 255 is no ink. Half the light and no ink but full yellow gives half red and green, no
    // blue.
    std::vector<unsigned char> inks;
    for (int i = 0; i < 64; ++i) inks.insert(inks.end(), {255, 255, 0, 128});
    write_text(path, encode_jpeg(8, 8, 4, inks));
    const auto pixels = pixels_of(path);
    REQUIRE(pixels.size() == 192);
    CHECK(std::abs(pixels[0] - 128) <= 2);
    CHECK(std::abs(pixels[1] - 128) <= 2);
    CHECK(pixels[2] <= 2);
}

namespace {

/// EXIF data that says an orientation, in either byte order, with an entry before it.
std::string exif(int orientation, bool is_little) {
    const auto number = [&](int value, int size) {
        std::string bytes = little(static_cast<std::uint64_t>(value), static_cast<std::size_t>(size));
        return is_little ? bytes : std::string(bytes.rbegin(), bytes.rend());
    };
    return (is_little ? "II" : "MM") + number(42, 2) + number(8, 4) + number(2, 2) + number(0x0100, 2) +
           number(3, 2) + number(1, 4) + number(7, 2) + number(0, 2) + number(0x0112, 2) + number(3, 2) +
           number(1, 4) + number(orientation, 2) + number(0, 2) + number(0, 4);
}

}  // namespace

TEST_CASE("EXIF orientation is told, and applied on request") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.png";
    // Where the stored picture's first pixel and the last one of its first row are to be seen: rows and
    // columns of the corners, 0 the first and 1 the last, as the EXIF standard has them.
    struct Corners {
        int first_row, first_column, second_row, second_column;
    };
    const std::array<Corners, 8> seen{{{0, 0, 0, 1},
                                       {0, 1, 0, 0},
                                       {1, 1, 1, 0},
                                       {1, 0, 1, 1},
                                       {0, 0, 1, 0},
                                       {0, 1, 1, 1},
                                       {1, 1, 0, 1},
                                       {1, 0, 0, 0}}};
    for (int orientation = 1; orientation <= 8; ++orientation) {
        CAPTURE(orientation);
        const std::string rows("\0\x0A\x0B\x0C\0\x14\x15\x16", 8);  // 3 x 2, grey
        write_text(path, png(3, 2, 8, 0, chunk("eXIf", exif(orientation, orientation % 2 == 0)), rows));
        CHECK(read_image_info(path).orientation == orientation);
        CHECK(read_image(path).width == 3);
        const Image upright = read_image(path, {.apply_orientation = true});
        CHECK(upright.width == (orientation < 5 ? 3 : 2));
        CHECK(upright.height == (orientation < 5 ? 2 : 3));
        const auto at = [&](int row, int column) {
            const auto y = row * (upright.height - 1), x = column * (upright.width - 1);
            return int{upright.pixels[static_cast<std::size_t>(3 * (y * upright.width + x))]};
        };
        const auto& corners = seen[static_cast<std::size_t>(orientation - 1)];
        CHECK(at(corners.first_row, corners.first_column) == 0x0A);
        CHECK(at(corners.second_row, corners.second_column) == 0x0C);
    }
    const std::string jpeg = encode_jpeg(16, 8, 1, std::vector<unsigned char>(128, 77));
    const auto with = [&](const std::string& data) {
        const std::string body = "Exif" + std::string(2, '\0') + data;
        const std::string size{static_cast<char>((body.size() + 2) / 256),
                               static_cast<char>((body.size() + 2) % 256)};
        write_text(folder.path() / "a.jpg", jpeg.substr(0, 2) + "\xFF\xE1" + size + body + jpeg.substr(2));
        return read_image(folder.path() / "a.jpg", {.apply_orientation = true}).width;
    };
    CHECK(with(exif(6, true)) == 8);
    CHECK(with(exif(3, false)) == 16);
    const std::string whole = exif(6, true);  // what is damaged or out of range is upright
    for (std::size_t size = 0; size + 14 < whole.size(); ++size) CHECK(with(whole.substr(0, size)) == 16);
    CHECK(with(exif(9, true)) == 16);
    CHECK(with("II*" + std::string(1, '\0') + "\xFF\xFF\xFF\xFF") == 16);
}

TEST_CASE("a JPEG comes at a part of its size where that is enough, with the same picture") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.jpg";
    std::vector<unsigned char> pixels;
    for (int y = 0; y < 64; ++y)
        for (int x = 0; x < 96; ++x)
            for (int c = 0; c < 3; ++c) pixels.push_back(static_cast<unsigned char>(x + 2 * y + 10 * c));
    write_text(path, encode_jpeg(96, 64, 3, pixels));
    const auto width_for = [&](std::int64_t side) { return read_image(path, {.shorter_side = side}).width; };
    CHECK(width_for(0) == 96);
    CHECK(width_for(33) == 96);
    CHECK(width_for(32) == 48);
    CHECK(width_for(16) == 24);
    CHECK(width_for(8) == 12);
    CHECK(width_for(1) == 12);
    const Image half = read_image(path, {.shorter_side = 32});
    for (std::int64_t y = 1; y < 31; ++y)  // the mean of each four pixels
        for (std::int64_t x = 1; x < 47; ++x)
            CHECK(std::abs(int{half.pixels[static_cast<std::size_t>(3 * (y * 48 + x))]} -
                           static_cast<int>(2 * x + 4 * y + 1)) <= 3);
    CHECK_THROWS_AS((void)read_image(path, {.shorter_side = -1}), InvalidOption);
    CHECK_THROWS_AS((void)read_image(path, {.max_pixels = 95 * 64, .shorter_side = 8}), FileError);
}

TEST_CASE("headers tell what a picture is stored as") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a";
    write_text(path, png(1, 1, 16, 2, "", std::string("\0\x12\xFF\x34\xFF\x56\xFF", 7)));
    CHECK(read_image_info(path).bits == 16);
    CHECK(read_image_info(path).channels == 3);
    write_text(path, png(2, 1, 8, 4, "", std::string("\0\x10\x00\x20\xFF", 5)));
    CHECK(read_image_info(path).channels == 2);
    write_text(path, encode_jpeg(8, 9, 4, std::vector<unsigned char>(288, 1)));
    CHECK(read_image_info(path).is_cmyk);
    CHECK(read_image_info(path).height == 9);
    write_text(path, "no picture");
    CHECK_THROWS_AS((void)read_image_info(path), FileError);
}

TEST_CASE("truncated and changed pictures are refused or read, never worse") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a";
    const auto read = [](const fs::path& file) { (void)read_image(file); };
    const Image image = gradient(20, 18);
    const std::vector<unsigned char> rows(image.pixels.begin(), image.pixels.end());
    const auto memory = encode_png(gradient(9, 5));
    const std::string png_file(memory.begin(), memory.end());
    for (const std::string& bytes :
         {png_file, encode_jpeg(20, 18, 3, rows), encode_jpeg(20, 18, 3, rows, true)}) {
        CHECK(accepted_truncations(path, bytes, read) == 0);
        CHECK(refused_changes(path, bytes, read) > 50);
    }
}

TEST_CASE("pictures that cannot be taken are named") {
    const TemporaryFolder folder;
    const fs::path path = folder.path() / "a.jpg";
    const auto problem = [&](const std::string& bytes, std::int64_t max_pixels = 1000) {
        write_text(path, bytes);
        const std::string message = error_of([&] { (void)read_image(path, max_pixels); });
        CHECK(message.starts_with(path.string()));
        return message;
    };
    const auto memory = encode_png(gradient(40, 30));
    CHECK(problem({memory.begin(), memory.end()}).find("40 x 30") != std::string::npos);
    CHECK(read_image(path, 1200).width == 40);
    CHECK(problem("GIF89a").find("no JPEG or PNG") != std::string::npos);
    CHECK(problem("").find("empty") != std::string::npos);
    // Whole files of a kind that is not read are not called damaged.
    CHECK(problem(encode_jpeg(8, 8, 2, std::vector<unsigned char>(128, 1)))
              .ends_with(
                  "is a JPEG of 2 channels whose colours are not known; grey, colour and CMYK are read"));
    CHECK_THROWS_AS((void)read_image_info(path), FileError);
    std::string deep = encode_jpeg(8, 8, 1, std::vector<unsigned char>(64, 1));
    deep[deep.find("\xFF\xC0") + 4] = 12;
    CHECK(problem(deep).ends_with("is a JPEG of 12 bits a channel; 8 are read"));
    std::string lossless = encode_jpeg(8, 8, 1, std::vector<unsigned char>(64, 1));
    lossless[lossless.find("\xFF\xC0") + 1] = '\xC3';
    CHECK(problem(lossless).find("is a JPEG of a kind that is not read") != std::string::npos);
    // A picture of 65500 x 65500 pixels in a few bytes of header is refused before anything is allocated.
    std::string large = encode_jpeg(8, 8, 1, std::vector<unsigned char>(64, 1));
    const std::size_t frame = large.find("\xFF\xC0");
    large.replace(frame + 5, 4, "\xFF\xDC\xFF\xDC");
    CHECK(problem(large, 100'000'000).find("65500 x 65500") != std::string::npos);
    CHECK_THROWS_AS((void)read_image(folder.path() / "absent.png"), FileError);
    CHECK_THROWS_AS((void)read_image(folder.path()), FileError);
}
