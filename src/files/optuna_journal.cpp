#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "attune/files/study_export.hpp"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

// Optuna writes the bare words NaN and Infinity, which are no JSON: numbers are put in as marked strings, and
// the marks taken away with their quotes at the end. No text can hold the mark, since control characters are
// escaped.
const std::string mark_text = "\x01";
constexpr std::string_view escaped_mark = "\\u0001";

Json number(double value) {
    if (std::isfinite(value)) return value;
    return mark_text + (std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity") + mark_text;
}

std::string line(const Json& json) {
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
        const std::string marked = fmt::format("\"{0}{1}{0}\"", escaped_mark, word);
        for (auto at = text.find(marked); at != std::string::npos; at = text.find(marked, at))
            text.replace(at, marked.size(), word);
    }
    return text + '\n';
}

Json operation(int code) { return {{"op_code", code}, {"worker_id", "attune"}}; }

std::string unmarked(std::string text) {
    std::erase(text, mark_text.front());
    return text;
}

Json plain(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return unmarked(*text);
    return std::visit([](const auto& held) { return Json(held); }, value);
}

std::string distribution(const Parameter& parameter) {
    if (parameter.kind == ParameterKind::categorical) {
        Json choices = Json::array();
        for (const Value& choice : parameter.choices) choices.push_back(plain(choice));
        return Json{{"name", "CategoricalDistribution"}, {"attributes", {{"choices", choices}}}}.dump();
    }
    const bool integer = parameter.kind == ParameterKind::integer;
    const bool stepped = integer ? parameter.grid_step() != 1 : parameter.step.has_value();
    Json attributes{{"log", parameter.scale == Scale::log && !stepped}};
    if (integer) {
        attributes["step"] = static_cast<std::int64_t>(parameter.grid_step());
        attributes["low"] = static_cast<std::int64_t>(parameter.low);
        attributes["high"] = static_cast<std::int64_t>(parameter.high);
    } else {
        attributes["step"] = stepped ? Json(*parameter.step) : Json();
        attributes["low"] = parameter.low;
        attributes["high"] = parameter.high;
    }
    return Json{{"name", integer ? "IntDistribution" : "FloatDistribution"}, {"attributes", attributes}}
        .dump();
}

Json time_text(double seconds) {
    const double whole = std::floor(seconds);
    const auto clock = static_cast<std::time_t>(whole);
    std::tm parts{};
    ::gmtime_r(&clock, &parts);
    char text[40] = "";
    (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return fmt::format("{}.{:06}+00:00", text, static_cast<int>((seconds - whole) * 1e6));
}

enum State { running = 0, complete = 1, pruned = 2, failed = 3, waiting = 4 };

State state_of(const TrialRecord& trial) {
    if (trial.state == TrialState::completed) return complete;
    if (trial.state == TrialState::stopped) return pruned;
    return trial.state == TrialState::failed ? failed : running;
}

Json user_attributes(const Study& study, const TrialRecord& trial) {
    Json out = Json::object();
    for (const auto& [key, value] : trial.attributes) out[unmarked(key)] = unmarked(value);
    Json others = Json::object();
    for (const auto& [name, value] : trial.metrics) {
        bool is_objective = false;
        for (const Objective& objective : study.objectives()) is_objective |= objective.metric == name;
        if (!is_objective) others[name] = number(value);
    }
    if (!others.empty()) out["metrics"] = std::move(others);
    if (!trial.reason.empty()) out["reason"] = unmarked(trial.reason);
    return out;
}

std::string trial_line(const Study& study, const TrialRecord& trial) {
    Json out = operation(4);
    out["study_id"] = 0;
    out["datetime_start"] = time_text(trial.started_seconds);
    out["state"] = static_cast<int>(state_of(trial));
    out["value"] = Json();
    Json values = Json::array();
    for (std::size_t i = 0; i < study.objectives().size(); ++i)
        values.push_back(number(study.value(trial, i)));
    bool whole = trial.state == TrialState::completed || trial.state == TrialState::stopped;
    for (std::size_t i = 0; i < study.objectives().size(); ++i)
        whole = whole && !std::isnan(study.value(trial, i));
    out["values"] = whole ? std::move(values) : Json();
    if (trial.finished()) out["datetime_complete"] = time_text(trial.finished_seconds);  // null is refused
    Json distributions = Json::object(), params = Json::object(), intermediate = Json::object();
    for (std::size_t i = 0; i < study.space().size(); ++i) {
        if (!trial.configuration.active(i)) continue;
        const Parameter& parameter = study.space()[i];
        distributions[parameter.name] = distribution(parameter);
        params[parameter.name] = trial.configuration.native()[i];
    }
    for (const Report& report : trial.reports) {
        const auto value = report.metrics.find(study.objective().metric);
        if (value != report.metrics.end() && report.step == std::floor(report.step) &&
            std::abs(report.step) < 0x1p53)
            intermediate[std::to_string(static_cast<std::int64_t>(report.step))] = number(value->second);
    }
    out["distributions"] = std::move(distributions);
    out["params"] = std::move(params);
    out["user_attrs"] = user_attributes(study, trial);
    out["system_attrs"] = Json::object();
    out["intermediate_values"] = std::move(intermediate);
    return line(out);
}

}  // namespace

std::string study_as_optuna_journal(const Study& study, const std::string& name) {
    Json created = operation(0);
    created["study_name"] = unmarked(name.empty() ? study.name() : name);
    Json metric_names = Json::array();
    for (const Objective& objective : study.objectives()) {
        created["directions"].push_back(objective.direction == Direction::minimize ? 1 : 2);
        metric_names.push_back(unmarked(objective.metric));
    }
    std::string out = line(created);
    Json names = operation(3);
    names["study_id"] = 0;
    names["system_attr"] = Json{{"study:metric_names", metric_names}};
    out += line(names);
    for (const auto& [key, value] : study.attributes()) {
        Json attribute = operation(2);
        attribute["study_id"] = 0;
        attribute["user_attr"] = Json{{unmarked(key), unmarked(value)}};
        out += line(attribute);
    }
    for (const TrialRecord& trial : study.trials()) out += trial_line(study, trial);
    for (const auto& [index, values] : study.enqueued()) {
        Json queued = operation(4);
        queued["study_id"] = 0;
        queued["datetime_start"] = Json();
        queued["state"] = static_cast<int>(waiting);
        Json fixed = Json::object();
        for (const auto& [key, value] : values) fixed[key] = plain(value);
        queued["system_attrs"] = Json{{"fixed_params", fixed}};
        for (const char* empty : {"distributions", "params", "user_attrs", "intermediate_values"})
            queued[empty] = Json::object();
        queued["value"] = queued["values"] = Json();
        out += line(queued);
    }
    return out;
}

}  // namespace attune
