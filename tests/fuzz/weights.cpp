// Weights of any format, told apart by their content, the network in them, and its names under every map.
#include "attune/files/weights.hpp"

#include <cstdint>

#include "attune/files/name_map.hpp"
#include "files/name_maps.hpp"
#include "fuzz/check_tensors.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile file(data, size);
    fuzz::allow_errors([&] {
        auto read = read_weights(file.path());
        fuzz::check_tensors(read, size);
        auto network = state_dict_of(std::move(read));
        fuzz::require(!network.tensors.empty(), "a network has weights");
        for (const auto& known : detail::known_name_maps())
            fuzz::allow_errors([&] { fuzz::check_tensors(NameMap(known.rules).rename(network), size); });
        for (const char* model : {"vit_b_16", "convnext_tiny", "densenet121"})
            fuzz::check_tensors(with_zoo_names(network, model), size);
    });
    return 0;
}
