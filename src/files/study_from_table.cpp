#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <tuple>

#include "attune/error.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/study/study.hpp"
#include "trial_table.hpp"

namespace attune::detail {
namespace {

SearchSpace space_of(TrialTable& table, const ImportOptions& options) {
    if (options.space) return *options.space;
    infer_conditions(table);
    SearchSpace space;
    for (Parameter& parameter : table.parameters) space.declare(parameter);
    space.validate();
    return space;
}

/// What is known of a trial that cannot be one here.
std::string left_out_text(const TableTrial& trial, const std::string& why) {
    Json out{{"why", why}, {"state", std::string(to_string(trial.state))}};
    out["parameters"] = values_to_json(trial.values);
    if (!trial.metrics.empty()) out["metrics"] = metrics_to_json(trial.metrics);
    for (const Report& report : trial.reports)
        out["reports"].push_back(Json{{"step", report.step}, {"metrics", metrics_to_json(report.metrics)}});
    for (const auto& [key, value] : trial.attributes) out["attributes"][key] = value;
    return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Lines the trials' events up in time.
///
/// Numbers are given in the order of the file, so a trial never begins before the one listed above it; the
/// dates themselves stay what they are.
class Timeline {
  public:
    explicit Timeline(double now) : now_(now) {}

    void add(const TableTrial& trial, const Configuration& configuration) {
        const std::int64_t number = next_++;
        event::Suggested suggested;
        suggested.trial = number;
        suggested.configuration = configuration.values();
        suggested.role = "merged";
        suggested.reason = "imported from " + trial.where;
        const double begin = trial.started.value_or(trial.finished.value_or(now_));
        const double end = trial.finished.value_or(begin);
        latest_begin_ = std::max(latest_begin_, begin);
        put(latest_begin_, begin, std::move(suggested));
        for (const Report& report : trial.reports)
            put(std::max(latest_begin_, end), end, event::Reported{number, report.step, report.metrics, {}});
        for (const auto& [key, value] : trial.attributes)
            put(std::max(latest_begin_, end), end, event::Attribute{number, key, value});
        if (trial.number != number)
            put(std::max(latest_begin_, end), end,
                event::Attribute{number, "imported_number", std::to_string(trial.number)});
        put(std::max(latest_begin_, end), end, ending(trial, number));
    }
    void enqueue(const event::Values& values) { put(latest_begin_, now_, event::Enqueued{values}); }
    void note(const std::string& key, const std::string& value) {
        notes_.push_back(event::Attribute{-1, key, value});
    }

    [[nodiscard]] std::vector<Event> events(event::Created created) {
        std::stable_sort(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.key < b.key; });
        double first = now_;
        for (const Entry& entry : entries_) first = std::min(first, entry.event.time_seconds);
        std::vector<Event> out{{first, std::move(created)}};
        for (event::Attribute& note : notes_) out.push_back({first, std::move(note)});
        for (Entry& entry : entries_) {
            if (auto* suggested = std::get_if<event::Suggested>(&entry.event.body))
                suggested->view = out.size();
            out.push_back(std::move(entry.event));
        }
        return out;
    }

  private:
    struct Entry {
        double key = 0;
        Event event;
    };

    void put(double key, double time, EventBody body) { entries_.push_back({key, {time, std::move(body)}}); }

    static EventBody ending(const TableTrial& trial, std::int64_t number) {
        if (!trial.whole() && trial.state != TrialState::failed) return event::Interrupted{number, {}};
        event::Finished finished;
        finished.trial = number;
        finished.state = trial.state;
        finished.metrics = trial.metrics;
        finished.reason = trial.reason;
        if (trial.state == TrialState::failed) finished.failure = FailureKind::configuration;
        return finished;
    }

    double now_, latest_begin_ = 0;
    std::int64_t next_ = 0;
    std::vector<Entry> entries_;
    std::vector<event::Attribute> notes_;
};

void check_dates(const TrialTable& table, const TableTrial& trial) {
    for (const auto& [time, what] : {std::pair{trial.started, "start"}, {trial.finished, "end"}})
        if (time && !std::isfinite(*time))
            throw FileError(fmt::format("{}: {}: its {} ({}) must be a finite number of seconds", table.file,
                                        trial.where, what, *time));
}

}  // namespace

ImportedStudy study_from_table(TrialTable table, const ImportOptions& options) try {
    event::Created created;
    created.space = space_of(table, options);
    created.name = !options.name.empty() ? options.name : table.name;
    created.objectives = table.objectives;
    created.outcome_constraints = table.outcome_constraints;
    created.final_value = event::FinalValue::last_report;  // what the others take too
    created.settings = {{"imported_from", std::filesystem::path(table.file).filename().string()}};
    Timeline timeline(
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
    for (const auto& [key, value] : table.attributes) timeline.note(key, value);
    for (const TableTrial& trial : table.trials) {
        check_dates(table, trial);
        try {
            const Configuration configuration = created.space.configuration(trial.values);
            if (trial.state == TrialState::waiting)
                timeline.enqueue(configuration.values());
            else
                timeline.add(trial, configuration);
        } catch (const InvalidConfiguration& error) {
            if (trial.whole()) throw FileError(table.file + ": " + trial.where + ": " + error.what());
            table.notes.push_back(
                fmt::format("{} ({}) is left out: {}", trial.where, to_string(trial.state), error.what()));
            timeline.note("left_out:" + trial.where, left_out_text(trial, error.what()));
        }
    }
    ImportedStudy out{timeline.events(std::move(created)), std::move(table.notes)};
    Study whole;  // it must be a study before anybody stores it
    for (const Event& event : out.events) whole.apply(event);
    return out;
} catch (const InvalidSpace& error) {
    throw FileError(table.file + ": " + error.what());
}

}  // namespace attune::detail
