// Lists of images (CSV and JSON lines) and of weights (JSON).
#include <cstdint>
#include <iterator>

#include "attune/files/image_dataset.hpp"
#include "attune/files/weights_manifest.hpp"
#include "fuzz/fuzz_support.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile file(data, size);
    for (const char* name : {"", "list.jsonl"})
        fuzz::allow_errors([&] {
            const auto listing = list_image_manifest(*name == 0 ? file.path() : file.path_named(name));
            for (const auto& sample : listing.samples)
                fuzz::require(sample.label >= 0 && sample.label < std::ssize(listing.classes),
                              "a label is one of the classes");
        });
    fuzz::allow_errors([&] {
        const auto manifest = WeightsManifest::read(file.path());
        for (const auto& record : manifest.records()) {
            fuzz::require(record.sha256.size() == 64, "a record has a hash");
            fuzz::allow_errors([&] { (void)manifest.record(record.model); });
        }
    });
    return 0;
}
