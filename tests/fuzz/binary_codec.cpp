// Events as bytes: the first byte of the input is how many there shall be.
#include <cstdint>

#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    fuzz::allow_errors([&] {
        std::vector<Event> events;
        from_bytes(bytes, data[0], events);
        fuzz::require(events.size() == data[0], "as many events as were asked for");
        fuzz::check_codecs(events);
        fuzz::check_exports(events);
    });
    return 0;
}
