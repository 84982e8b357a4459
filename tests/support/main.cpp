#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>

#include "support/folders.hpp"
#include "support/shared_data.hpp"

namespace attune::test {

std::filesystem::path source_folder() { return ATTUNE_SOURCE_DIR; }
std::filesystem::path build_folder() { return ATTUNE_BINARY_DIR; }

}  // namespace attune::test

// Runs the tests, then says how many cases found their data and how many were skipped for the lack of it.
// 77 tells ctest that a program of reference tests found nothing but skipped cases.
int main(int argc, char** argv) {
    doctest::Context context(argc, argv);
    const int result = context.run();
    const auto& counts = attune::test::case_counts();
    if (counts.run + counts.skipped > 0)
        std::printf("[attune] reference cases run: %ld, skipped: %ld\n", counts.run, counts.skipped);
    if (context.shouldExit() || result != 0) return result;
    const bool only_references = std::strstr(argv[0], "_fixtures") != nullptr;
    return only_references && counts.run == 0 && counts.skipped > 0 ? 77 : 0;
}
