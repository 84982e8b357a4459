// JPEG and PNG, headers and contents.
#include "attune/files/image.hpp"

#include <cstdint>

#include "fuzz/fuzz_support.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    constexpr std::int64_t max_pixels = 1 << 20;
    const fuzz::MemoryFile file(data, size);
    fuzz::allow_errors([&] {
        const auto image = read_image(file.path(), max_pixels);
        fuzz::require(image.width > 0 && image.height > 0 && image.width * image.height <= max_pixels,
                      "a picture stays within the limit on pixels");
        fuzz::require(image.pixels.size() == static_cast<std::size_t>(3 * image.width * image.height),
                      "a picture has three bytes a pixel");
    });
    return 0;
}
