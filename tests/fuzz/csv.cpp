// Tables, with a space and without.
#include <cstdint>

#include "attune/files/study_import.hpp"
#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto check = [&](const ImportOptions& options) {
        fuzz::allow_errors([&] {
            const ImportedStudy imported = study_from_csv(text, "file.csv", options);
            fuzz::check_codecs(imported.events);
            fuzz::check_exports(imported.events);
        });
    };
    check({.objectives = {minimize("loss")}});
    SearchSpace space;
    (void)space.continuous("lr", 1e-4, 1, Scale::log);
    (void)space.integer("units", 1, 64);
    (void)space.categorical("optimizer", {"sgd", "adam"});
    check({.space = space, .objectives = {minimize("loss"), maximize("accuracy")}});
    return 0;
}
