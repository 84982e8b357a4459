#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/analyse/table.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/tune/options.hpp"
#include "commands.hpp"
#include "open_journal.hpp"

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

void print_counts(const Study& study) {
    std::cout << study.trials().size() << " trials";
    for (const TrialState state : {TrialState::running, TrialState::paused, TrialState::interrupted,
                                   TrialState::completed, TrialState::stopped, TrialState::failed})
        if (study.count(state) > 0) std::cout << ", " << study.count(state) << ' ' << to_string(state);
    if (!study.enqueued().empty()) std::cout << "; " << study.enqueued().size() << " enqueued";
    std::cout << '\n';
}

void print_unfinished(const Study& study, double now) {
    for (const TrialRecord& trial : study.trials()) {
        if (trial.finished()) continue;
        std::cout << fmt::format("trial {} is {} for {:.0f} s: {}", trial.number, to_string(trial.state),
                                 std::max(0.0, now - trial.started_seconds), trial.configuration.text());
        if (!trial.reports.empty()) {
            std::cout << fmt::format("; step {}", to_string(trial.reports.back().step));
            for (const auto& [name, value] : trial.reports.back().metrics)
                std::cout << ' ' << name << '=' << to_string(value);
        }
        std::cout << '\n';
    }
}

void print_status(const std::string& path, std::size_t events) {
    const StoredStudy stored = read_study(path);
    const Study& study = stored.study;
    std::cout << "study '" << study.name() << "' in " << path << ", created "
              << local_time(study.created_seconds()) << '\n';
    print_counts(study);
    if (!study.end_reason().empty()) std::cout << "its last run ended: " << study.end_reason() << '\n';
    print_unfinished(study, system_seconds());
    std::cout << '\n' << best_trials_table(study, {.rows = 5, .footer = false});
    if (events == 0) return;
    std::cout << "\nlast events:\n";
    for (std::size_t i = stored.events.size() - std::min(events, stored.events.size());
         i < stored.events.size(); ++i) {
        Json json = to_json(stored.events[i]);
        json.erase("v");
        json.erase("time");
        std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
        if (line.size() > 200) line = line.substr(0, 197) + "...";
        std::cout << local_time(stored.events[i].time_seconds) << ' ' << line << '\n';
    }
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
    command->add_option("study", arguments->study, "The journal")->required();
    command->add_option("--events", arguments->events, "How many of the last events to show")
        ->capture_default_str();
    command->callback([arguments, &exit_code] {
        print_status(arguments->study, arguments->events);
        exit_code = success;
    });
}

}  // namespace attune::program
