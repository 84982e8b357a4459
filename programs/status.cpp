#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "attune/analyse/table.hpp"
#include "attune/storage/detail/process_identity.hpp"
#include "attune/storage/file.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/workers.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/tune/options.hpp"
#include "commands.hpp"
#include "failures.hpp"
#include "open_journal.hpp"
#include "option_checks.hpp"
#include "text.hpp"
#include "tune_plan.hpp"

namespace attune::program {
namespace {

std::string local_time(double seconds) {
    const auto whole = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::localtime_r(&whole, &parts);
    char text[32] = "";
    (void)std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
    return text;
}

/// An event as a line for people; `attune export` has all of it.
struct EventText {
    std::string operator()(const event::Created& e) const {
        return "study '" + first_line(e.name) + "' created";
    }
    std::string operator()(const event::Enqueued& e) const {
        return "enqueued " + values_text(e.configuration);
    }
    std::string operator()(const event::Suggested& e) const {
        return fmt::format("trial {} begun{}: {}; {}", e.trial,
                           e.until ? " until step " + short_number(*e.until) : "",
                           values_text(e.configuration), first_line(e.reason));
    }
    std::string operator()(const event::Reported& e) const {
        return fmt::format("trial {} at step {}: {}", e.trial, short_number(e.step), metrics_text(e.metrics));
    }
    std::string operator()(const event::Decided& e) const {
        return fmt::format("trial {} at step {} shall {}: {}", e.trial, short_number(e.step),
                           to_string(e.decision), first_line(e.reason));
    }
    std::string operator()(const event::Interrupted& e) const {
        return fmt::format("trial {} cut off", e.trial);
    }
    std::string operator()(const event::Resumed& e) const {
        std::string text =
            fmt::format("trial {} gone on with{}", e.trial, e.from_start ? ", from its beginning" : "");
        if (e.until) text += " until step " + short_number(*e.until);
        return e.reason.empty() ? text : text + ": " + first_line(e.reason);
    }
    std::string operator()(const event::Finished& e) const {
        std::string text = fmt::format("trial {} {}", e.trial, to_string(e.state));
        if (!e.metrics.empty()) text += " " + metrics_text(e.metrics);
        return e.reason.empty() ? text : text + ": " + first_line(e.reason);
    }
    std::string operator()(const event::Attribute& e) const {
        const std::string owner = e.trial < 0 ? std::string("study") : fmt::format("trial {}", e.trial);
        return owner + " note " + first_line(e.key) + ": " + first_line(e.value);
    }
    std::string operator()(const event::Ended& e) const { return "run ended: " + first_line(e.reason); }
    std::string operator()(const event::SpaceChanged& e) const {
        std::string text = "space changed to: " + first_line(e.space.schema().names_text());
        if (!e.old_trials.empty())
            text += "; trials before are taken to have had " + values_text(e.old_trials);
        return text;
    }
};

std::string event_text(const EventBody& body) { return std::visit(EventText{}, body); }

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

void print_status(const std::string& path, std::size_t events) {
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
    if (events == 0) return;
    std::cout << "\nlast events:\n";
    for (std::size_t i = stored.events.size() - std::min(events, stored.events.size());
         i < stored.events.size(); ++i)
        std::cout << wrapped(
            local_time(stored.events[i].time_seconds) + " " + event_text(stored.events[i].body), width, 4);
}

}  // namespace

void add_status(CLI::App& app, int& exit_code) {
    CLI::App* command =
        app.add_subcommand("status", "Look at a study without touching it, also while it runs");
    struct Arguments {
        std::string study;
        std::size_t events = 5;
    };
    const auto arguments = std::make_shared<Arguments>();
    command->add_option("study", arguments->study, study_help)->required();
    command->add_option("--events", arguments->events, "How many of the last events to show")
        ->check(whole_number(0))
        ->capture_default_str();
    command->footer("Exit codes:\n  0 done\n  2 wrong arguments, or no study that can be read");
    command->callback([arguments, &exit_code] {
        print_status(arguments->study, arguments->events);
        exit_code = success;
    });
}

}  // namespace attune::program
