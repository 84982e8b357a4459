// Optuna's database. SQLite itself is not instrumented; what it hands over is.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "attune/files/study_import.hpp"
#include "fuzz/fuzz_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace attune;
    static const std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("attune-fuzz-" + std::to_string(::getpid()) + ".db");
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    fuzz::allow_errors([&] {
        const ImportedStudy imported = study_from_optuna_sqlite(path);
        fuzz::check_codecs(imported.events);
        fuzz::check_exports(imported.events);
    });
    std::filesystem::remove(path);
    return 0;
}
