#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

/// The subcommands. Each is declared to `app`, and when it has run leaves its exit code in `exit_code`.
namespace attune::program {

/// What the program's exit code says.
enum ExitCode : int {
    success = 0,
    negative = 1,  ///< it ran, but the answer is no: no trial succeeded, a replay differs, a definition found
                   ///< nothing
    refused = 2,   ///< wrong arguments or input, or a fault of files; the message says which
    interrupted = 130  ///< by Ctrl-C or SIGTERM; the study is kept
};

/// What the subcommands that look at a study say of its address.
inline constexpr const char* study_help =
    "The study: a journal, sqlite:///file.db?study=name (an absolute path takes four slashes) or "
    "postgresql://user@host/database?study=name";

/// `words_after_dashes` are the program that stands after "--" on the command line.
void add_tune(CLI::App& app, const std::vector<std::string>& words_after_dashes, int& exit_code);
void add_ask_tell(CLI::App& app, int& exit_code);
void add_extract(CLI::App& app, int& exit_code);
void add_status(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_importance(CLI::App& app, int& exit_code);
void add_replay(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_studies(CLI::App& app, int& exit_code);

}  // namespace attune::program
