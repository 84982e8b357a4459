// JPEG and PNG: headers with their EXIF data, contents, turned and at a part of their size.
#include "attune/files/image.hpp"

#include <algorithm>
#include <cstdint>

#include "fuzz/fuzz_support.hpp"
#include "fuzz/memory_file.hpp"

namespace {

constexpr std::int64_t max_pixels = 1 << 20;

void check_picture(const attune::Image& image) {
    attune::fuzz::require(image.width > 0 && image.height > 0 && image.width * image.height <= max_pixels,
                          "a picture stays within the limit on pixels");
    attune::fuzz::require(image.pixels.size() == static_cast<std::size_t>(3 * image.width * image.height),
                          "a picture has three bytes a pixel");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile file(data, size);
    fuzz::allow_errors([&] {
        const auto info = read_image_info(file.path());
        fuzz::require(info.orientation >= 1 && info.orientation <= 8, "an orientation is one of eight");
    });
    fuzz::allow_errors([&] {
        const auto stored = read_image(file.path(), max_pixels);
        check_picture(stored);
        const auto turned = read_image(file.path(), {.max_pixels = max_pixels, .apply_orientation = true});
        check_picture(turned);
        fuzz::require(std::minmax(turned.width, turned.height) == std::minmax(stored.width, stored.height),
                      "turning keeps the sides");
        const std::int64_t shorter = std::min(stored.width, stored.height);
        for (const std::int64_t wanted : {std::int64_t{1}, std::int64_t{8}, shorter}) {
            const auto scaled = read_image(
                file.path(), {.max_pixels = max_pixels, .apply_orientation = true, .shorter_side = wanted});
            check_picture(scaled);
            fuzz::require(std::min(scaled.width, scaled.height) >= std::min(wanted, shorter),
                          "a picture does not come smaller than it is wanted");
        }
    });
    return 0;
}
