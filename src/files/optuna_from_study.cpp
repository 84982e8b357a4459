#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "optuna_study.hpp"
#include "python_json.hpp"

namespace attune::detail {
namespace {

/// A value as JSON has it, and without marks.
Json plain(const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return plain_text(*text);
    return std::visit([](const auto& held) { return Json(held); }, value);
}

/// The choices as they were where the study was imported from Optuna, or the parameter's own; behind those,
/// the ones that it had before its space changed.
Json choices_of(const Study& study, const Parameter& parameter) {
    const auto kept = study.attributes().find(std::string(choices_attribute) + parameter.name);
    Json own = Json::array();
    for (const Value& choice : parameter.choices) own.push_back(plain(choice));
    for (const Value& choice : parameter.former_choices) own.push_back(plain(choice));
    if (kept == study.attributes().end()) return own;
    try {
        Json choices = parse_python_json(kept->second, kept->first);
        const bool same = choices.is_array() && parameter.former_choices.empty() &&
                          choices.size() == parameter.choices.size();
        if (!same) return own;
        const std::vector<Value> values = values_of_choices(choices);
        for (std::size_t i = 0; i < values.size(); ++i)
            if (!same_value(values[i], parameter.choices[i])) return own;
        return choices;
    } catch (const InvalidJson&) {
        return own;  // attributes are the user's, who may write anything
    }
}

/// The range, widened to what trials had before it changed.
std::pair<double, double> range_of(const Study& study, std::size_t parameter) {
    double low = study.space()[parameter].low, high = study.space()[parameter].high;
    for (const TrialRecord& trial : study.trials()) {
        if (!trial.configuration.active(parameter)) continue;
        low = std::min(low, trial.configuration.native()[parameter]);
        high = std::max(high, trial.configuration.native()[parameter]);
    }
    return {low, high};
}

std::string distribution(const Study& study, std::size_t index) {
    const Parameter& parameter = study.space()[index];
    if (parameter.kind == ParameterKind::categorical)
        return python_json(Json{{"name", "CategoricalDistribution"},
                                {"attributes", {{"choices", choices_of(study, parameter)}}}});
    const bool integer = parameter.kind == ParameterKind::integer;
    const bool stepped = integer ? parameter.grid_step() != 1 : parameter.step.has_value();
    const auto [low, high] = range_of(study, index);
    Json attributes{{"log", parameter.scale == Scale::log && !stepped}};
    if (integer) {
        attributes["step"] = static_cast<std::int64_t>(parameter.grid_step());
        attributes["low"] = static_cast<std::int64_t>(low);
        attributes["high"] = static_cast<std::int64_t>(high);
    } else {
        attributes["step"] = stepped ? Json(*parameter.step) : Json();
        attributes["low"] = low;
        attributes["high"] = high;
    }
    return Json{{"name", integer ? "IntDistribution" : "FloatDistribution"}, {"attributes", attributes}}
        .dump();
}

/// Attributes that came from Optuna's system go back there, the others are the user's.
void add_attributes(const std::map<std::string, std::string>& attributes, std::map<std::string, Json>& user,
                    std::map<std::string, Json>& system) {
    for (const auto& [key, value] : attributes) {
        if (key.starts_with(choices_attribute)) continue;
        if (!key.starts_with(system_attribute)) {
            user[plain_text(key)] = plain_text(value);
            continue;
        }
        Json& place = system[plain_text(key.substr(system_attribute.size()))];
        try {
            place = parse_python_json(value, key);
        } catch (const InvalidJson&) {
            place = plain_text(value);
        }
    }
}

OptunaState state_of(const TrialRecord& trial) {
    if (trial.state == TrialState::completed) return OptunaState::complete;
    if (trial.state == TrialState::stopped) return OptunaState::pruned;
    return trial.state == TrialState::failed ? OptunaState::failed : OptunaState::running;
}

/// Optuna refuses NaN as a final value, and takes all values or none.
std::vector<double> values_of(const Study& study, const TrialRecord& trial) {
    std::vector<double> out;
    if (trial.state != TrialState::completed && trial.state != TrialState::stopped) return out;
    for (std::size_t i = 0; i < study.objectives().size(); ++i) {
        out.push_back(study.value(trial, i));
        if (std::isnan(out.back())) return {};
    }
    return out;
}

OptunaTrial trial_from(const Study& study, const TrialRecord& trial,
                       const std::vector<std::string>& distributions) {
    OptunaTrial out;
    out.number = trial.number;
    out.values = values_of(study, trial);
    out.state = state_of(trial);
    // To Optuna a trial that is complete has values: what ended without is a failure.
    if (out.state == OptunaState::complete && out.values.empty()) out.state = OptunaState::failed;
    out.started = trial.started_seconds;
    if (trial.finished()) out.finished = trial.finished_seconds;
    for (std::size_t i = 0; i < study.space().size(); ++i)
        if (trial.configuration.active(i))
            out.parameters.push_back(
                {plain_text(study.space()[i].name), trial.configuration.native()[i], distributions[i]});
    for (const Report& report : trial.reports) {
        const auto value = report.metrics.find(study.objective().metric);
        if (value != report.metrics.end() && report.step == std::floor(report.step) &&
            std::abs(report.step) < 0x1p53)
            out.intermediate[static_cast<std::int64_t>(report.step)] = value->second;
    }
    add_attributes(trial.attributes, out.user, out.system);
    if (!study.outcome_constraints().empty() && !out.values.empty()) {  // 0 or less: kept
        Json excesses = Json::array();
        for (const OutcomeConstraint& constraint : study.outcome_constraints())
            excesses.push_back(python_number(constraint.excess(trial.metric(constraint.metric))));
        out.system["constraints"] = std::move(excesses);
    }
    Json others = Json::object();
    for (const auto& [name, value] : trial.metrics) {
        bool is_objective = false;
        for (const Objective& objective : study.objectives()) is_objective |= objective.metric == name;
        if (!is_objective) others[plain_text(name)] = python_number(value);
    }
    if (!others.empty()) out.user["metrics"] = std::move(others);
    if (!trial.reason.empty()) out.user["reason"] = plain_text(trial.reason);
    return out;
}

OptunaTrial waiting_trial(const Study& study, std::int64_t number, const event::Values& values) {
    OptunaTrial out;
    out.number = number;
    out.state = OptunaState::waiting;
    Json fixed = Json::object();
    for (const auto& [key, value] : values) {
        const Parameter& parameter = study.space()[study.space().schema().index(key)];
        fixed[plain_text(key)] =
            parameter.kind == ParameterKind::categorical
                ? choices_of(study, parameter)[static_cast<std::size_t>(parameter.to_native(value))]
                : plain(value);
    }
    out.system["fixed_params"] = std::move(fixed);
    return out;
}

}  // namespace

OptunaStudy optuna_from_study(const Study& study, const std::string& name) {
    OptunaStudy out;
    out.name = plain_text(name.empty() ? study.name() : name);
    Json metric_names = Json::array();
    for (const Objective& objective : study.objectives()) {
        out.directions.push_back(objective.direction);
        metric_names.push_back(plain_text(objective.metric));
    }
    add_attributes(study.attributes(), out.user, out.system);
    out.system["study:metric_names"] = std::move(metric_names);
    std::vector<std::string> distributions;
    for (std::size_t i = 0; i < study.space().size(); ++i) distributions.push_back(distribution(study, i));
    for (const TrialRecord& trial : study.trials())
        out.trials.push_back(trial_from(study, trial, distributions));
    for (const auto& [index, values] : study.enqueued())
        out.trials.push_back(waiting_trial(study, static_cast<std::int64_t>(out.trials.size()), values));
    return out;
}

}  // namespace attune::detail
