// torch.save's zip archives and streams of pickles, and what of them is a state dictionary.
#include "attune/files/torch_file.hpp"

#include <cstdint>

#include "attune/files/weights.hpp"
#include "fuzz/check_tensors.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile file(data, size);
    fuzz::allow_errors([&] {
        auto read = read_torch_file(file.path());
        fuzz::check_tensors(read, size);
        fuzz::check_tensors(state_dict_of(std::move(read)), size);
    });
    return 0;
}
