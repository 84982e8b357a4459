#pragma once

#include <filesystem>

namespace attune::test {

/// The root of the checkout that the running test was built from.
std::filesystem::path source_folder();
/// The build folder; programs are in its `bin`.
std::filesystem::path build_folder();

}  // namespace attune::test
