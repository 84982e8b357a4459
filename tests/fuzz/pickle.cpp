// One pickle by itself: the machine, the white list and the dotted names.
#include "files/pickle.hpp"

#include <cstdint>
#include <cstring>

#include "files/pickle_flatten.hpp"
#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    detail::PickleInput input(0, size, [&](std::uint64_t offset, std::span<std::byte> out) {
        std::memcpy(out.data(), data + offset, out.size());
    });
    try {
        const auto graph = detail::read_pickle(input);
        fuzz::require(graph.root < graph.values.size(), "a pickle has a root");
        (void)detail::flatten(graph);
    } catch (const detail::PickleProblem&) {
    } catch (const Error&) {
    }
    return 0;
}
