#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "attune/analyse/progress_line.hpp"
#include "attune/analyse/report.hpp"
#include "attune/analyse/table.hpp"
#include "attune/execute/signals.hpp"
#include "attune/execute/threads.hpp"
#include "attune/tune/tuner.hpp"
#include "commands.hpp"
#include "open_journal.hpp"
#include "tune_arguments.hpp"

namespace attune::program {
namespace {

/// `path` beside the journal, with another extension.
std::filesystem::path beside(const std::string& journal, const char* extension) {
    return std::filesystem::path(journal).replace_extension(extension);
}

void announce(const Tuner& tuner) {
    const auto trials = tuner.with_study([](const Study& study) { return study.trials().size(); });
    std::cerr << "study: " << tuner.location();
    if (trials > 0) std::cerr << " (going on after " << trials << " trials)";
    std::cerr << '\n';
}

void conclude(const Outcome& outcome, const std::filesystem::path& report) {
    write_report(outcome.study(), report);
    std::cout << best_trials_table(outcome.study()) << "\nended: " << outcome.reason()
              << "\nreport: " << report.string() << '\n';
}

int tune(const TuneArguments& arguments) {
    const StudySetup setup = arguments.setup();
    const Limits limits = arguments.limits();
    ScriptOptions script = arguments.script(setup);
    if (setup.storage == "memory:")
        throw InvalidOption("--study memory: has no place for logs and the report; name a file");
    const std::string scheme = "journal:";
    const std::string path =
        setup.storage.rfind(scheme, 0) == 0 ? setup.storage.substr(scheme.size()) : setup.storage;
    script.log_folder =
        arguments.logs.empty() ? beside(path, ".logs") : std::filesystem::path(arguments.logs);
    const std::filesystem::path report =
        arguments.report.empty() ? beside(path, ".html") : std::filesystem::path(arguments.report);
    const ScriptObjective objective(std::move(script));
    const auto enqueued = arguments.enqueued_values();
    for (const event::Values& values : enqueued) (void)setup.space.configuration(values);

    AnyStrategy strategy = setup.make_strategy();
    AnyStoppingPolicy stopping = setup.make_stopping();

    std::string notice;
    AnyStorage storage = open_storage(path, notice);
    if (!notice.empty()) std::cerr << "attune: " << notice << '\n';
    ProgressLine line(std::cerr, {.is_terminal = is_terminal(2),
                                  .width = std::max(20, terminal_width(2)),
                                  .max_trials = limits.max_trials,
                                  .max_duration = limits.max_duration});
    Tuner tuner{setup.space,           setup.objectives,   std::move(strategy),         std::move(stopping),
                setup.tuner_options(), std::move(storage), Threads{arguments.parallel}, line.observer()};
    announce(tuner);
    if (tuner.with_study(
            [](const Study& study) { return study.trials().empty() && study.enqueued().empty(); }))
        for (const event::Values& values : enqueued) tuner.enqueue(values);

    const StopOnSignal signals;
    const Outcome outcome = tuner.run(limits, objective, signals.token());
    line.finish();
    conclude(outcome, report);
    if (signals.token().stop_requested()) {
        std::cerr << "interrupted: the study is kept, run the same command to go on\n";
        return interrupted;
    }
    return outcome.study().best() != nullptr ? success : negative;
}

}  // namespace

void add_tune(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("tune", "Tune the hyperparameters of any command by the numbers that it prints");
    const auto arguments = std::make_shared<TuneArguments>();
    arguments->add_to(*command);
    command->footer(
        R"~(Example, with space.json holding [{"name": "lr", "type": "continuous", "low": 1e-4, "high": 1, "scale": "log"}]:

  attune tune space.json --command "python train.py --lr {lr}" --metric "accuracy=val_acc: ([0-9.]+)" \
      --objective maximize:accuracy --stopping median --trials 50 --parallel 2

Without placeholders the hyperparameters are appended as --name value. Ctrl-C ends the run and keeps the study (a second one ends
at once); the same command goes on. Look on with `attune status` and `attune report`. Exit codes: 0 done, 1 no trial came to a
value, 2 wrong input, 130 Ctrl-C.)~");
    command->callback([arguments, &exit_code] { exit_code = tune(*arguments); });
}

}  // namespace attune::program
