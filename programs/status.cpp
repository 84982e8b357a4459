#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attune/analyse/table.hpp"
#include "attune/execute/signals.hpp"
#include "attune/storage/detail/process_identity.hpp"
#include "attune/storage/file.hpp"
#include "attune/storage/follow.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/workers.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/tune/options.hpp"
#include "commands.hpp"
#include "event_text.hpp"
#include "failures.hpp"
#include "open_journal.hpp"
#include "option_checks.hpp"
#include "text.hpp"
#include "tune_plan.hpp"

namespace attune::program {
namespace {

using WorkerRows = std::optional<std::vector<WorkerRow>>;

/// Nothing where the table of workers cannot be looked at: a journal's is a file of its own, which would have
/// to be made.
WorkerRows workers_of(const std::string& address) try {
    const StorageAddress parsed = StorageAddress::parse(address);
    const bool is_journal = parsed.kind == StorageAddress::Kind::journal;
    if (is_journal && !std::filesystem::exists(resolved_path(parsed.place).string() + "-workers"))
        return std::nullopt;
    AnyStorage storage = attune::open_storage(parsed, {.read_only = true});
    const auto table = storage.workers();
    if (table == nullptr) return std::nullopt;
    return table->rows();
} catch (const StorageError&) {
    return std::nullopt;
}

/// What is wrong with the worker of a running trial; empty where nothing is known to be.
std::string worker_trouble(const TrialRecord& trial, const WorkerRows& workers, double now) {
    if (trial.state != TrialState::running || trial.worker == 0 || !workers) return {};
    constexpr const char* gone = ", but its worker is gone: the next one to work on the study takes it over";
    const auto row = std::ranges::find(*workers, trial.worker, &WorkerRow::number);
    if (row == workers->end())
        return ", but its worker is not among the study's: unless it comes back, the next one takes it over";
    if (detail::process_state(row->process) == detail::ProcessState::gone) return gone;
    const double silence = now - row->latest_seconds;
    if (silence <= 2 * row->period_seconds) return {};
    return ", but its worker has given no sign of life for " + duration_text(silence);
}

void print_unfinished(const Study& study, const WorkerRows& workers, double now) {
    for (const TrialRecord& trial : study.trials()) {
        if (trial.finished()) continue;
        std::cout << fmt::format("trial {} is {}{}, begun {} ago: {}", trial.number, to_string(trial.state),
                                 worker_trouble(trial, workers, now),
                                 duration_text(std::max(0.0, now - trial.started_seconds)),
                                 values_text(trial.asked().values()));
        if (!trial.reports.empty()) {
            std::cout << fmt::format("; step {} {}", short_number(trial.reports.back().step),
                                     metrics_text(trial.reports.back().metrics));
        }
        std::cout << '\n';
    }
}

/// Gives the position behind what it shows.
std::uint64_t print_status(const std::string& path, std::size_t events) {
    const StoredStudy stored = read_study(path);
    const Study& study = stored.study;
    const std::size_t width = wrap_width(1);
    std::cout << "study '" << first_line(study.name()) << "' in " << shown(path) << ", created "
              << local_time(study.created_seconds()) << '\n';
    std::cout << state_counts(study) << '\n';
    if (!study.end_reason().empty())
        std::cout << wrapped("its last run ended: " + first_line(study.end_reason()), width, 4);
    if (study.space_version() > 0)
        std::cout << "its space was changed " << counted(study.space_version(), "time") << '\n';
    print_unfinished(study, workers_of(path), system_seconds());
    std::cout << '\n' << best_trials_table(study, {.rows = 5, .footer = false});
    if (const std::string winner = winner_text(study); !winner.empty()) std::cout << '\n' << winner << '\n';
    if (const std::string failures = failures_text(study, {.width = width, .whole_reasons = true});
        !failures.empty())
        std::cout << '\n' << failures;
    if (events > 0) std::cout << "\nlast events:\n";
    for (std::size_t i = stored.events.size() - std::min(events, stored.events.size());
         i < stored.events.size(); ++i)
        std::cout << wrapped(event_line(stored.events[i]), width, 4);
    return stored.events.size();
}

/// Until Ctrl-C.
void print_events_as_they_come(const std::string& path, std::uint64_t from) {
    AnyStorage storage = attune::open_storage(StorageAddress::parse(path), {.read_only = true});
    const StopOnSignal signals;
    const auto print = [](std::uint64_t, const std::vector<Event>& events) {
        for (const Event& event : events) std::cout << wrapped(event_line(event), wrap_width(1), 4);
        std::cout.flush();
        return std::cout.good();
    };
    std::cout << "following it (Ctrl-C ends that)" << std::endl;
    (void)follow(storage, print, signals.token(), {.from = from});
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("status", "Look at a study without touching it, also while it runs");
    struct Arguments {
        std::string study;
        std::size_t events = 5;
        bool follow = false;
    };
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("study", arguments->study, study_help)->required();
    command->add_option("--events", arguments->events, "How many of the last events to show")
        ->check(whole_number(0))
        ->capture_default_str();
    command->add_flag("-f,--follow", arguments->follow, "Then print events as they come, until Ctrl-C");
    command->footer("Exit codes:\n  0 done\n  2 wrong arguments, or no study that can be read");
    command->callback([arguments, &exit_code] {
        const std::uint64_t position = print_status(arguments->study, arguments->events);
        if (arguments->follow) print_events_as_they_come(arguments->study, position);
        exit_code = success;
    });
}

}  // namespace attune::program
