// Space files: what is accepted is a space that works, and reads back as itself.
#include <cstdint>

#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    fuzz::allow_errors([&] {
        const SearchSpace space = space_from_json(parse_json(text, "space"));
        const std::string written = space_to_json(space).dump();
        const SearchSpace again = space_from_json(parse_json(written, "space"));
        fuzz::require(space_to_json(again).dump() == written, "a space reads back as it was");
        for (const double unit : {0.0, 0.25, 1.0}) {
            const Configuration drawn = space.decode(std::vector<double>(space.size(), unit));
            if (!space.satisfies(drawn)) continue;
            fuzz::require(space.configuration(drawn.values()) == drawn, "values name their configuration");
        }
    });
    return 0;
}
