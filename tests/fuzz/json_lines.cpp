// JSON lines: the events of `attune export`, and tables of trials.
#include <cstdint>

#include "attune/files/study_import.hpp"
#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const bool events = text.substr(0, text.find('\n')).find("\"kind\"") != std::string_view::npos;
    ImportOptions options;
    if (!events) options.objectives = {minimize("loss")};
    fuzz::allow_errors([&] {
        const ImportedStudy imported = study_from_json_lines(text, "file", options);
        fuzz::check_codecs(imported.events);
        fuzz::check_exports(imported.events);
    });
    return 0;
}
