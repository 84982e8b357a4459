#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "attune/analyse/progress_line.hpp"
#include "attune/analyse/report.hpp"
#include "attune/analyse/table.hpp"
#include "attune/execute/signals.hpp"
#include "attune/execute/threads.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/tune/tuner.hpp"
#include "commands.hpp"
#include "failures.hpp"
#include "open_journal.hpp"
#include "tensorboard.hpp"
#include "text.hpp"
#include "trial_lines.hpp"
#include "tune_formatter.hpp"
#include "tune_plan.hpp"

namespace attune::program {
namespace {

void announce(const Tuner& tuner) {
    const auto trials = tuner.with_study([](const Study& study) { return study.trials().size(); });
    std::cerr << "study: " << tuner.location();
    if (trials > 0) std::cerr << " (going on after " << counted(trials, "trial") << ")";
    std::cerr << '\n';
}

/// Trials whose output was not read whole, such as numbers of which the metric's expression took a part.
std::string unread_text(const Study& study) {
    std::size_t count = 0;
    std::string first;
    for (const TrialRecord& trial : study.trials())
        if (const auto found = trial.attributes.find("problems"); found != trial.attributes.end())
            if (count++ == 0) first = found->second;
    return count == 0 ? ""
                      : "output not read whole: " + counted(count, "trial") + "; the first: " + first + '\n';
}

/// The table first: whatever happens to the report, the result is seen.
void conclude(const Study& study, const std::string& reason, const TunePlan& plan) {
    const TableOptions table{.footer = false};
    std::cout << best_trials_table(study, table) << '\n' << state_counts(study);
    const std::size_t with_value = study.count(TrialState::completed) + study.count(TrialState::stopped);
    if (with_value > table.rows) std::cout << "; the best " << table.rows << " are shown, the report has all";
    std::cout << '\n';
    if (study.best() == nullptr)
        if (const TrialRecord* nearest = study.nearest_to_constraints())
            std::cout << "no trial keeps " << outcome_constraints_text(study.outcome_constraints())
                      << "; trial " << nearest->number << " comes nearest\n";
    if (const std::string winner = winner_text(study); !winner.empty()) std::cout << winner << '\n';
    const std::string failures = failures_text(study, {.width = wrap_width(1)});
    if (!failures.empty())
        std::cout << failures << "  their output is in " << plan.log_folder.string() << '\n';
    std::cout << unread_text(study);
    if (!reason.empty()) std::cout << "ended: " << first_line(reason) << '\n';
    write_report(study, plan.report, {.title = title_of(study, plan.study)});
    std::cout << "report: " << plan.report.string() << std::endl;
}

void conclude_failed(const Study& study, const TunePlan& plan) {
    if (study.best() != nullptr || study.nearest_to_constraints() != nullptr) conclude(study, "", plan);
}

/// Said, and kept with the study.
void tell_changed_notes(Tuner& tuner, const std::map<std::string, std::string>& notes) {
    const Study study = tuner.study();
    const std::vector<ChangedNote> changed = changed_notes(study, notes);
    std::cerr << changed_notes_text(study, changed);
    for (const ChangedNote& note : changed) tuner.set_attribute(-1, note.name, note.now);
}

/// The same command goes on with a study, so what it asked for before is not asked again.
void enqueue_new(Tuner& tuner, const std::vector<event::Values>& wanted) {
    for (const event::Values& values : wanted) {
        const bool is_known = tuner.with_study([&](const Study& study) {
            const Configuration configuration = study.space().configuration(values);
            const auto waits = [&](const auto& entry) { return entry.second == configuration.values(); };
            return study.times_asked(configuration) > 0 || std::ranges::any_of(study.enqueued(), waits);
        });
        if (!is_known) tuner.enqueue(values);
    }
}

int after_interruption(const Study& study, const TunePlan& plan) {
    std::cerr << "interrupted: the study is kept in " << plan.shown_study;
    if (const auto cut = study.count(TrialState::interrupted); cut > 0)
        std::cerr << " (" << counted(cut, "trial") << " cut off, to be run again)";
    std::cerr << "; run the same command to go on\n";
    return interrupted;
}

int run(const TuneArguments& arguments) {
    TunePlan plan = plan_of(arguments);
    if (arguments.check_only) return check_only(plan);
    AnyStrategy strategy = plan.setup.make_strategy();
    AnyStoppingPolicy stopping = plan.setup.make_stopping();
    if (!arguments.tensorboard.empty()) make_runs_folder(arguments.tensorboard);
    std::string notice;
    AnyStorage storage = open_storage(plan.study, plan.setup.durability, notice);
    tell(notice);
    const Observer runs = arguments.tensorboard.empty()
                              ? Observer{[](const Study&, const Event&) {}}
                              : tensorboard_runs(arguments.tensorboard, system_seconds(), storage.workers());
    const bool live = is_terminal(2) && !arguments.quiet;
    ProgressLine line(std::cerr, {.is_terminal = live,
                                  .width = std::max(20, terminal_width(2)),
                                  .max_trials = plan.limits.max_trials,
                                  .max_duration = plan.limits.max_duration});
    const Observer lines =
        arguments.quiet
            ? Observer{[](const Study&, const Event&) {}}
            : trial_lines(std::cerr,
                          {.failures_only = live, .over_live_line = live, .since_seconds = system_seconds()});
    Tuner tuner{plan.setup.space,
                plan.setup.objectives,
                plan.setup.outcome_constraints,
                std::move(strategy),
                std::move(stopping),
                plan.setup.tuner_options(),
                std::move(storage),
                Threads{arguments.parallel},
                line.observer(),
                lines,
                runs};
    if (live) std::cerr << "\r\x1b[K";  // the line was drawn when the study was opened
    announce(tuner);
    std::cerr << changes_text(plan) << notes_text(plan);
    tell_changed_notes(tuner, plan.setup.notes);
    enqueue_new(tuner, plan.enqueued);

    const StopOnSignal signals;
    try {
        const Outcome outcome = tuner.run(plan.limits, plan.objective, signals.token());
        line.finish();
        const bool by_signal = signals.token().stop_requested();
        conclude(outcome.study(), by_signal ? "interrupted" : outcome.reason(), plan);
        if (by_signal) return after_interruption(outcome.study(), plan);
        return outcome.study().best() != nullptr ? success : negative;
    } catch (const RunFailure&) {  // main says why
        line.finish();
        conclude_failed(tuner.study(), plan);
        throw;
    } catch (const InvalidState&) {  // another worker has changed the space
        line.finish();
        conclude_failed(tuner.study(), plan);
        throw;
    }
}

}  // namespace

void add_tune(CLI::App& app, const std::vector<std::string>& words_after_dashes, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("tune", "Tune the hyperparameters of any command by the numbers that it prints");
    const auto arguments = std::make_shared<TuneArguments>();
    arguments->command_words = words_after_dashes;
    arguments->add_to(*command);
    command->formatter(std::make_shared<TuneFormatter>());
    command->footer(
        R"~(Example, with space.json holding [{"name": "lr", "type": "continuous", "low": 1e-4, "high": 1, "scale": "log"}]:

  attune tune --space space.json --command "python train.py --lr {lr}" --metric "accuracy=val_acc: ([-+0-9.eE]+)" \
      --objective maximize:accuracy --trials 50 --parallel 2

Without placeholders the hyperparameters are appended as --name value. Ctrl-C ends the run and keeps the study (a second one ends
at once); the same command goes on, also after a crash. An existing study keeps its space, objectives, strategy, stopping, seed,
fixed values and duplicates: other ones are refused, and those not given are as they were. Limits, --parallel and --quiet may
change, and with --change-space the space: earlier trials stay evidence. Look on with `attune status` and `attune report`.

Failures: a trial whose program fails for its configuration is a result (other exit codes, crashes, time limits, no objective in
the output). Failures that are not the configuration's fault (exit code 75, killed from outside) are tried again --retries times
and are not counted as trials; a program that is killed each time is taken for one whose configuration needs too much memory, and counts. --max-failures failed trials in a row, of either kind, end the run; a program that cannot be
started at all ends it at once.

Exit codes:
  0 done
  1 no trial came to a value, or none that keeps the outcome constraints
  2 wrong input, a program that cannot be started, or a file that fails
  130 ended by Ctrl-C or SIGTERM, with the study kept)~");
    command->callback([arguments, &exit_code] { exit_code = run(*arguments); });
}

}  // namespace attune::program
