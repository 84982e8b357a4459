#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/files/atomic_file.hpp"
#include "attune/files/study_export.hpp"
#include "attune/storage/json_codec.hpp"
#include "commands.hpp"
#include "open_journal.hpp"
#include "option_checks.hpp"
#include "tensorboard.hpp"

namespace attune::program {
namespace {

struct Arguments {
    std::string study;
    std::string format = "jsonl";
    std::string to;
};

std::string text_of(const std::vector<Event>& events, const Study& study, const std::string& format) {
    if (format == "csv") return study_as_csv(study);
    if (format == "optuna") return study_as_optuna_journal(study);
    std::string text;
    for (const Event& event : events) text += to_json(event).dump() + '\n';
    return text;
}

int run(const Arguments& arguments) {
    const auto events = read_events(arguments.study);
    const bool database = arguments.format == "optuna-sqlite";
    const bool folder = arguments.format == "mlflow" || arguments.format == "tensorboard";
    if ((folder || database) && arguments.to.empty())
        throw InvalidOption("--to: format " + arguments.format + " is a " +
                            (folder ? "folder; name it" : "database; name its file"));
    if (!arguments.to.empty() && !folder && std::filesystem::exists(arguments.to))
        throw InvalidOption("--to '" + arguments.to +
                            "' is there already; name a new file, or remove it first");
    if (arguments.format == "tensorboard" && holds_runs(arguments.to))
        throw InvalidOption(
            "--to '" + arguments.to +
            "' holds runs of trials already, and TensorBoard would draw these beside them; name "
            "another folder, or remove it first");
    Study study;
    TensorBoardFiles tensorboard(arguments.to);
    for (const Event& event : events) {
        study.apply(event);
        if (arguments.format == "tensorboard") tensorboard(study, event);
    }
    if (!study.is_created() && arguments.format != "jsonl")
        throw InvalidState(arguments.study + ": holds no study yet");
    if (arguments.format == "mlflow") (void)write_mlflow_experiment(study, arguments.to);
    if (database) write_optuna_sqlite(study, arguments.to);
    if (folder || database) return success;
    const std::string text = text_of(events, study, arguments.format);
    if (!arguments.to.empty()) return write_file_atomically(arguments.to, text), success;
    std::cout << text;
    return success;  // main() looks whether it could be written
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
    CLI::App* command = app.add_subcommand(
        "export", "Print a study's events as JSON lines, or write it for other programs, also while it runs");
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("study", arguments->study, study_help)->required();
    command->add_option("--format", arguments->format, "What to write")
        ->check(one_of({"jsonl", "csv", "optuna", "optuna-sqlite", "mlflow", "tensorboard"}))
        ->capture_default_str();
    command->add_option("--to", arguments->to,
                        "File, or folder for mlflow and tensorboard (default: print it)");
    command->footer(
        R"(Formats: jsonl all events; csv a line a trial; optuna the file of its JournalStorage; optuna-sqlite its database;
mlflow the file store; tensorboard event files, a run a trial.
Exit codes:
  0 done
  2 wrong arguments, or no study that can be read)");
    command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace attune::program
