// Safetensors, read and mapped, and the index of sharded ones.
#include "attune/files/safetensors.hpp"

#include <algorithm>
#include <cstdint>

#include "attune/files/sharded_safetensors.hpp"
#include "fuzz/check_tensors.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile file(data, size);
    fuzz::allow_errors([&] {
        const auto read = read_safetensors(file.path());
        fuzz::check_tensors(read, size);
        const MappedSafetensors mapped(file.path());
        fuzz::require(mapped.tensors().size() == read.tensors.size(), "mapping and reading see the same");
        for (const auto& tensor : mapped.tensors())
            fuzz::require(
                std::equal(tensor.bytes.begin(), tensor.bytes.end(), read.find(tensor.name)->bytes.begin(),
                           read.find(tensor.name)->bytes.end()),
                "mapping and reading see the same bytes");
    });
    fuzz::allow_errors([&] { (void)read_sharded_safetensors(file.path()); });
    return 0;
}
