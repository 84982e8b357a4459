// IDX and the binaries of CIFAR, plain and gzip-compressed.
#include "attune/files/raw_images.hpp"

#include <cstdint>

#include "fuzz/fuzz_support.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    constexpr std::uint64_t max_bytes = 1 << 24;
    const fuzz::MemoryFile file(data, size);
    const auto check = [](const RawImages& images) {
        fuzz::require(images.pixels.size() <= max_bytes, "pictures stay within the limit");
        fuzz::require(images.pixels.size() == static_cast<std::size_t>(images.count * images.channels *
                                                                       images.height * images.width),
                      "pictures have the bytes of their sizes");
    };
    fuzz::allow_errors([&] { check(read_idx_images(file.path(), max_bytes)); });
    fuzz::allow_errors([&] { (void)read_idx_labels(file.path()); });
    for (const auto labels : {CifarLabels::cifar10, CifarLabels::cifar100_fine})
        fuzz::allow_errors([&] { check(read_cifar({file.path()}, labels, max_bytes)); });
    return 0;
}
