// Arrays of NumPy, alone and in archives.
#include <cstdint>

#include "attune/files/npy.hpp"
#include "fuzz/check_tensors.hpp"
#include "fuzz/memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const fuzz::MemoryFile file(data, size);
    fuzz::allow_errors([&] { fuzz::check_tensors(read_npy(file.path()), size); });
    fuzz::allow_errors([&] { fuzz::check_tensors(read_npz(file.path()), size); });
    return 0;
}
