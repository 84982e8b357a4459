#include <nlohmann/json.hpp>

#include "attune/files/study_export.hpp"
#include "date_text.hpp"
#include "optuna_study.hpp"
#include "python_json.hpp"

namespace attune {
namespace {

using namespace detail;

Json operation(int code) { return {{"op_code", code}, {"worker_id", "attune"}}; }

Json object_of(const std::map<std::string, Json>& members) {
    Json out = Json::object();
    for (const auto& [key, value] : members) out[key] = value;
    return out;
}

std::string line(const Json& json) { return python_json(json) + '\n'; }

/// An attribute a line.
std::string attribute_lines(int code, const char* member, const std::map<std::string, Json>& attributes) {
    std::string out;
    for (const auto& [key, value] : attributes) {
        Json attribute = operation(code);
        attribute["study_id"] = 0;
        attribute[member] = Json{{key, value}};
        out += line(attribute);
    }
    return out;
}

std::string trial_line(const OptunaTrial& trial) {
    Json out = operation(4);
    out["study_id"] = 0;
    out["datetime_start"] = trial.started ? Json(date_text(*trial.started, 'T') + "+00:00") : Json();
    out["state"] = static_cast<int>(trial.state);
    out["value"] = Json();
    out["values"] = Json();
    for (const double value : trial.values) out["values"].push_back(python_number(value));
    if (trial.finished)  // null is refused
        out["datetime_complete"] = date_text(*trial.finished, 'T') + "+00:00";
    Json distributions = Json::object(), params = Json::object(), intermediate = Json::object();
    for (const OptunaParameter& parameter : trial.parameters) {
        distributions[parameter.name] = parameter.distribution;
        params[parameter.name] = parameter.value;
    }
    for (const auto& [step, value] : trial.intermediate)
        intermediate[std::to_string(step)] = python_number(value);
    out["distributions"] = std::move(distributions);
    out["params"] = std::move(params);
    out["user_attrs"] = object_of(trial.user);
    out["system_attrs"] = object_of(trial.system);
    out["intermediate_values"] = std::move(intermediate);
    return line(out);
}

}  // namespace

std::string study_as_optuna_journal(const Study& study, const std::string& name) {
    const OptunaStudy optuna = optuna_from_study(study, name);
    Json created = operation(0);
    created["study_name"] = optuna.name;
    for (const Direction direction : optuna.directions)
        created["directions"].push_back(direction == Direction::minimize ? 1 : 2);
    std::string out = line(created);
    out += attribute_lines(3, "system_attr", optuna.system);
    out += attribute_lines(2, "user_attr", optuna.user);
    for (const OptunaTrial& trial : optuna.trials) out += trial_line(trial);
    return out;
}

}  // namespace attune
