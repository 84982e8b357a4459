#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "attune/analyse/work_time.hpp"
#include "attune/study/pareto.hpp"
#include "report_model.hpp"
#include "report_parts.hpp"
#include "text.hpp"

namespace attune::detail {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
    if (!std::isfinite(value)) return to_string(value);
    return value;
}

Json value_json(const Value& value) {
    if (const auto* real = std::get_if<double>(&value)) return number(*real);
    return std::visit([](const auto& v) { return Json(v); }, value);
}

Json texts(const std::map<std::string, std::string>& map) {
    Json out = Json::object();
    for (const auto& [key, text] : map) out[key] = text;
    return out;
}

Json metrics_json(const Metrics& metrics) {
    Json out = Json::object();
    for (const auto& [name, value] : metrics) out[name] = number(value);
    return out;
}

Json objective_json(const Objective& objective) {
    Json out{{"metric", objective.metric}, {"direction", to_string(objective.direction)}};
    if (objective.tie_break) out["tie_break"] = objective.tie_break->metric;
    return out;
}

/// Pauses as pairs of seconds since the study's creation, those that would take room from the drawings.
Json pauses_json(const Study& study) {
    const WorkTime time = work_time(study);
    Json out = Json::array();
    for (const auto& [from, until] : time.pauses)
        if (until - from > 0.05 * time.seconds)
            out.push_back({from - study.created_seconds(), until - study.created_seconds()});
    return out;
}

Json parameter_json(const Parameter& parameter, const Schema& schema) {
    Json out{{"name", parameter.name}, {"kind", to_string(parameter.kind)}};
    if (parameter.kind == ParameterKind::categorical) {
        out["choices"] = Json::array();
        for (const Value& choice : parameter.choices) out["choices"].push_back(value_json(choice));
    } else {
        out["low"] = parameter.low;
        out["high"] = parameter.high;
        out["scale"] = to_string(parameter.scale);
        if (parameter.step) out["step"] = *parameter.step;
    }
    if (!parameter.condition.is_always()) out["when"] = condition_text(parameter.condition, schema);
    return out;
}

/// The reports that are drawn: all of a short curve, otherwise evenly spaced ones with the first, the last
/// and the best of every objective.
std::vector<std::size_t> drawn_reports(const Study& study, const TrialRecord& trial, std::size_t most) {
    const std::size_t n = trial.reports.size();
    std::set<std::size_t> kept;
    for (std::size_t k = 0; k < std::min(n, most); ++k) kept.insert(n <= most ? k : k * (n - 1) / (most - 1));
    if (n <= most) return {kept.begin(), kept.end()};
    for (const Objective& objective : study.objectives()) {
        double best = std::nan("");
        std::size_t at = n;
        for (std::size_t i = 0; i < n; ++i) {
            const auto found = trial.reports[i].metrics.find(objective.metric);
            if (found != trial.reports[i].metrics.end() && objective.better(found->second, best))
                best = found->second, at = i;
        }
        if (at < n) kept.insert(at);
    }
    return {kept.begin(), kept.end()};
}

/// Steps once, and by metric one value for each step (null where a report lacks it).
Json curves_json(const Study& study, const TrialRecord& trial, std::size_t most) {
    const std::vector<std::size_t> kept = drawn_reports(study, trial, most);
    Json steps = Json::array(), values = Json::object();
    for (const std::size_t i : kept)
        for (const auto& item : trial.reports[i].metrics)
            if (!values.contains(item.first)) values[item.first] = Json::array();
    for (const std::size_t i : kept) {
        steps.push_back(number(trial.reports[i].step));
        for (auto& [name, column] : values.items()) {
            const auto found = trial.reports[i].metrics.find(name);
            column.push_back(found == trial.reports[i].metrics.end() ? Json(nullptr) : number(found->second));
        }
    }
    return {{"steps", steps}, {"values", values}};
}

Json trial_json(const Study& study, const TrialRecord& trial, const ReportOptions& options) {
    Json configuration = Json::array(), values = Json::array();
    for (std::size_t i = 0; i < study.space().size(); ++i) {
        const Configuration& c = trial.configuration;
        configuration.push_back(c.active(i) ? value_json(study.space()[i].to_value(c.native()[i]))
                                            : Json(nullptr));
    }
    for (std::size_t k = 0; k < study.objectives().size(); ++k)
        values.push_back(number(study.value(trial, k)));
    Json out{{"number", trial.number},
             {"state", to_string(trial.state)},
             {"configuration", configuration},
             {"values", values},
             {"started", trial.started_seconds - study.created_seconds()}};
    if (trial.finished() || trial.state == TrialState::paused) out["seconds"] = trial.duration_seconds();
    if (trial.finished()) out["finished"] = trial.finished_seconds - study.created_seconds();
    if (!trial.metrics.empty()) out["metrics"] = metrics_json(trial.metrics);
    if (!trial.reports.empty()) {
        if (!trial.finished()) out["reported"] = trial.reports.back().time_seconds - study.created_seconds();
        out["report_count"] = trial.reports.size();
        out["last_step"] = number(trial.reports.back().step);
        out["curves"] = curves_json(study, trial, options.max_points_per_curve);
    }
    for (const OutcomeConstraint& broken : study.broken_constraints(trial))
        out["breaks"].push_back(broken.text());
    if (!trial.reason.empty()) out["reason"] = trial.reason;
    if (!trial.numbers.empty()) out["numbers"] = metrics_json(trial.numbers);
    if (trial.failure) out["failure"] = to_string(*trial.failure);
    if (!trial.suggestion_reason.empty()) out["why"] = trial.suggestion_reason;
    if (!trial.role.empty()) out["role"] = trial.role;
    if (trial.cost) out["cost"] = number(*trial.cost);
    if (trial.group >= 0) out["group"] = trial.group;
    if (const auto notes = shown_attributes(trial); !notes.empty()) out["attributes"] = texts(notes);
    return out;
}

}  // namespace

std::string report_data(const Study& study, const ReportOptions& options, const ReportModel& model) {
    Json objectives = Json::array(), constraints = Json::array(), parameters = Json::array(),
         trials = Json::array();
    for (const Objective& objective : study.objectives()) objectives.push_back(objective_json(objective));
    for (const OutcomeConstraint& constraint : study.outcome_constraints())
        constraints.push_back(Json{{"metric", constraint.metric}, {"text", constraint.text()}});
    for (const Parameter& parameter : study.space().parameters())
        parameters.push_back(parameter_json(parameter, study.space().schema()));
    for (const TrialRecord& trial : study.trials()) trials.push_back(trial_json(study, trial, options));
    const double now = options.now_seconds.value_or(study.latest_seconds()) - study.created_seconds();
    Json out{{"format", 1},
             {"name", study.name()},
             {"seed", study.seed()},
             {"end_reason", study.end_reason()},
             {"created_seconds", study.created_seconds()},
             {"now", now},
             {"pauses", pauses_json(study)},
             {"objectives", objectives},
             {"constraints", constraints},
             {"best", study.best() != nullptr ? Json(study.best()->number) : Json(nullptr)},
             {"front", study.objectives().size() > 1 ? Json(pareto_front(study)) : Json::array()},
             {"parameters", parameters},
             {"trials", trials},
             {"model", model.data()}};
    std::string text = out.dump(-1, ' ', false, Json::error_handler_t::replace);
    // "<" occurs inside strings only; written so, no text of the study can end the script element or begin a
    // comment.
    std::string safe;
    safe.reserve(text.size());
    for (const char c : text) c == '<' ? safe += "\\u003c" : safe += c;
    return safe;
}

}  // namespace attune::detail
