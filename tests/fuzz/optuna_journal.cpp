// Optuna's journal, there and back.
#include <cstdint>

#include "attune/files/study_import.hpp"
#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    fuzz::allow_errors([&] {
        const ImportedStudy imported = study_from_optuna_journal(text, "file");
        fuzz::check_codecs(imported.events);
        Study study;
        for (const Event& event : imported.events) study.apply(event);
        const std::string exported = study_as_optuna_journal(study);
        Study again;
        for (const Event& event : study_from_optuna_journal(exported, "export").events) again.apply(event);
        fuzz::require(again.objectives() == study.objectives(), "objectives survive an export and an import");
    });
    return 0;
}
