#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "attune/error.hpp"
#include "attune/files/study_import.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "attune/study/study.hpp"
#include "trial_table.hpp"

namespace attune {
namespace {

using namespace detail;

struct Line {
    std::int64_t number = 0;
    std::string_view text;
};

std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> out;
    for (std::int64_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        if (line.find_first_not_of(" \t\r") != std::string_view::npos) out.push_back({number, line});
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

std::string place(const std::string& file, const Line& line) {
    return file + ": line " + std::to_string(line.number);
}

/// What `attune export` writes: the events themselves.
ImportedStudy events_of(const std::vector<Line>& lines, const std::string& file,
                        const ImportOptions& options) {
    if (options.space || !options.objectives.empty() || !options.metrics.empty())
        throw InvalidOption(file +
                            ": holds a study's events, whose space and objectives are its own; give "
                            "neither");
    ImportedStudy out;
    Study study;
    for (const Line& line : lines) {
        const std::string what = place(file, line);
        Event event;
        try {
            event = event_from_json(parse_json(line.text, what));
            auto* created = std::get_if<event::Created>(&event.body);
            if (created != nullptr && !options.name.empty()) created->name = options.name;
            study.apply(event);
        } catch (const Error& error) {
            const std::string message = error.what();
            throw FileError(message.starts_with(what) ? message : what + ": " + message);
        }
        out.events.push_back(std::move(event));
    }
    return out;
}

class JsonTable {
  public:
    JsonTable(const std::string& file, const ImportOptions& options) : options_(options) {
        table_.file = file;
        table_.name = std::filesystem::path(file).stem().string();
        table_.objectives = options.objectives;
        if (options.objectives.empty())
            throw InvalidOption(file +
                                ": a table does not say what is better; name the objectives, such as " +
                                "minimize:loss");
    }

    TrialTable run(const std::vector<Line>& lines) {
        for (const Line& line : lines) table_.trials.push_back(trial(line));
        if (!options_.space) declare_parameters();
        return std::move(table_);
    }

  private:
    TableTrial trial(const Line& line) {
        const std::string what = place(table_.file, line);
        const Json json = parse_json(line.text, what);
        const JsonObject object(json, what,
                                {"parameters", "metrics", "state", "number", "reports", "started_seconds",
                                 "finished_seconds", "duration_seconds", "reason", "attributes"});
        TableTrial out;
        out.where = "line " + std::to_string(line.number);
        out.number = object.integer<std::int64_t>("number", static_cast<std::int64_t>(table_.trials.size()));
        out.values = values_from_json(object.at("parameters"), object.path("parameters"));
        if (object.has("metrics"))
            out.metrics = metrics_from_json(object.at("metrics"), object.path("metrics"));
        if (object.has("reports"))
            for (const Json& element : object.list("reports")) {
                const JsonObject report(element, object.path("reports"), {"step", "metrics"});
                out.reports.push_back({report.number("step"),
                                       metrics_from_json(report.at("metrics"), report.path("metrics")), 0});
            }
        out.started = object.optional_number("started_seconds");
        out.finished = object.optional_number("finished_seconds");
        if (const auto duration = object.optional_number("duration_seconds");
            duration && out.started && !out.finished)
            out.finished = *out.started + *duration;
        out.reason = object.text("reason", "");
        if (object.has("attributes"))
            read_attributes(object.at("attributes"), object.path("attributes"), out);
        out.state = state(object, out);
        return out;
    }

    static void read_attributes(const Json& json, const std::string& what, TableTrial& out) {
        if (!json.is_object())
            throw InvalidJson(what + ": " + JsonObject::shown(json) + " must be an object");
        for (const auto& [key, value] : json.items()) out.attributes[key] = JsonObject::text_of(value, what);
    }

    /// Without a word, what has a result is completed and the rest waits.
    [[nodiscard]] TrialState state(const JsonObject& object, const TableTrial& trial) const {
        if (!object.has("state"))
            return trial.metrics.empty() && trial.reports.empty() ? TrialState::waiting
                                                                  : TrialState::completed;
        const auto state = state_from_word(object.text("state"));
        if (!state)
            throw InvalidJson(object.path("state") + ": '" + object.text("state") +
                              "' is unknown; known: waiting, running, paused, interrupted, completed, "
                              "stopped, failed");
        return *state;
    }

    void declare_parameters() {
        std::vector<std::string> order;
        std::map<std::string, std::vector<Value>> seen;
        for (const TableTrial& trial : table_.trials)
            for (const auto& [name, value] : trial.values) {
                if (!seen.contains(name)) order.push_back(name);
                seen[name].push_back(value);
            }
        std::map<std::string, bool> became_text;  // where types are mixed the choices are texts
        for (const std::string& name : order) {
            table_.parameters.push_back(parameter_from_values(name, seen[name]));
            const auto& choices = table_.parameters.back().choices;
            became_text[name] = !choices.empty() && std::holds_alternative<std::string>(choices.front());
        }
        for (TableTrial& trial : table_.trials)
            for (auto& [name, value] : trial.values)
                if (became_text[name]) value = to_string(value);
    }

    const ImportOptions& options_;
    TrialTable table_;
};

}  // namespace

ImportedStudy study_from_json_lines(std::string_view text, const std::string& file,
                                    const ImportOptions& options) try {
    const std::vector<Line> lines = lines_of(text);
    if (lines.empty()) throw FileError(file + ": is empty");
    const Json first = parse_json(lines.front().text, place(file, lines.front()));
    if (first.is_object() && first.contains("kind")) return events_of(lines, file, options);
    return study_from_table(JsonTable(file, options).run(lines), options);
} catch (const InvalidJson& error) {
    throw FileError(error.what());
}

}  // namespace attune
