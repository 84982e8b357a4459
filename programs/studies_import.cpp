#include "studies_import.hpp"

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "attune/files/study_import.hpp"
#include "attune/storage/studies.hpp"
#include "attune/study/study.hpp"
#include "commands.hpp"
#include "text.hpp"
#include "tune_arguments.hpp"

// `attune studies import`: a study from the file of another program.

namespace attune::program {
namespace {

struct Arguments {
    std::string file, address, study, name, space;
    std::vector<std::string> objectives, metrics;
};

int run(const Arguments& arguments) {
    ImportOptions options{.study = arguments.study, .name = arguments.name, .metrics = arguments.metrics};
    if (!arguments.space.empty()) options.space = setup_from_file(arguments.space).space;
    for (const std::string& text : arguments.objectives) options.objectives.push_back(objective_from(text));
    const ImportedStudy imported = import_study(arguments.file, options);
    store_study(imported.events, arguments.address);
    Study study;
    for (const Event& event : imported.events) study.apply(event);
    for (const std::string& note : imported.notes)
        std::cerr << "attune: " << arguments.file << ": " << first_line(note) << '\n';
    std::cout << arguments.address << ": study '" << study.name() << "', "
              << counted(study.trials().size(), "trial") << ", " << study.enqueued().size()
              << " waiting, parameters";
    for (const Parameter& parameter : study.space().parameters()) std::cout << ' ' << parameter.name;
    std::cout << '\n';
    return success;
}

}  // namespace

void add_studies_import(CLI::App& studies, int& exit_code) {
    CLI::App* command = studies.add_subcommand("import", "Make a study of another program's file");
    const auto arguments = std::make_shared<Arguments>();
    command
        ->add_option("file", arguments->file,
                     "Optuna's SQLite database or journal, a table (.csv) or JSON lines")
        ->required();
    command->add_option("address", arguments->address, "Where the study shall be")->required();
    command->add_option("--study", arguments->study, "Which study of the file, where it holds several");
    command->add_option("--name", arguments->name, "Name of the new study (default: its own)");
    command->add_option("--space", arguments->space,
                        "Space file (JSON); without it the space is made of what the trials have");
    command
        ->add_option("--objective", arguments->objectives,
                     "maximize:metric or minimize:metric; repeatable. Needed for tables; names an Optuna "
                     "study's values")
        ->allow_extra_args(false);
    command->add_option("--metric", arguments->metrics, "Column that is a metric, no parameter; repeatable")
        ->allow_extra_args(false);
    command->footer(
        R"(Tables: a line a trial, columns trial, state, started_seconds, duration_seconds, reason, the metrics, and the parameters.
JSON lines: what `attune export` writes, or {"parameters": {"lr": 0.1}, "metrics": {"loss": 2}} for each trial.
What was not finished is kept as interrupted and gone on with by the next worker; what waited is enqueued.
Exit codes:
  0 done
  2 wrong arguments, a file that cannot be read, or a study that is there already)");
    command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace attune::program
