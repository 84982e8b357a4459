// Weights of any format, told apart by their content, and the network in them.
#include "attune/files/weights.hpp"

#include <cstdint>

#include "attune/files/name_map.hpp"
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
        fuzz::check_tensors(with_zoo_names(std::move(network), "vit_b_16"), size);
    });
    return 0;
}
