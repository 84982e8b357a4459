#pragma once

#include <CLI/CLI.hpp>

namespace attune::program {

/// Declares `attune studies import` to the subcommand `studies`.
void add_studies_import(CLI::App& studies, int& exit_code);

}  // namespace attune::program
