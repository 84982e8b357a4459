#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "attune/analyse/savings.hpp"
#include "attune/analyse/work_time.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/strategy/finalists.hpp"
#include "attune/study/pareto.hpp"
#include "report_parts.hpp"
#include "text.hpp"

namespace attune::detail {
namespace {

std::string safe(const std::string& text) { return escape_html(valid_utf8(text)); }

/// A heading, the big line and the small one; `big` and `small` are HTML.
std::string tile(const std::string& heading, const std::string& big, const std::string& small) {
    return fmt::format(
        "<div class=\"tile\"><h3>{}</h3><p class=\"big\">{}</p><p class=\"small\">{}</p></div>\n", heading,
        big, small);
}

std::string best_tile(const Study& study) {
    if (study.objectives().size() > 1) {
        const std::size_t size = pareto_front(study).size();
        std::string names;
        for (const Objective& objective : study.objectives())
            names += (names.empty() ? "" : ", ") + std::string(to_string(objective.direction)) + " " +
                     objective.metric;
        if (!study.outcome_constraints().empty())
            names += ", with " + outcome_constraints_text(study.outcome_constraints());
        return tile("Pareto front", counted(size, "trial"), safe(names));
    }
    std::string goal =
        safe(std::string(to_string(study.objective().direction)) + " " + study.objective().metric);
    if (const auto& second = study.objective().tie_break)
        goal += safe(fmt::format(", among equals {} {}", to_string(second->direction), second->metric));
    if (!study.outcome_constraints().empty())
        goal += safe(", with " + outcome_constraints_text(study.outcome_constraints()));
    const TrialRecord* best = study.best();
    if (best == nullptr) return tile("Best value", "none", goal);
    return tile("Best value", short_number(study.value(*best)),
                fmt::format("{}, trial {}", goal, best->number));
}

/// A bar with one piece for each state, and the counts in words.
std::string trials_tile(const Study& study) {
    std::string bar, counts;
    for (const TrialState state :
         {TrialState::completed, TrialState::stopped, TrialState::failed, TrialState::running,
          TrialState::paused, TrialState::interrupted, TrialState::waiting}) {
        const std::size_t count = study.count(state);
        if (count == 0) continue;
        bar += fmt::format("<i class=\"state-{}\" style=\"flex-grow:{}\"></i>", to_string(state), count);
        counts += fmt::format("<span class=\"count\"><i class=\"state-{0}\"></i>{1} {0}</span> ",
                              to_string(state), count);
    }
    return tile("Trials", fmt::format("{}", study.trials().size()),
                "<span class=\"statebar\">" + bar + "</span>" + counts);
}

std::string savings_tile(const Savings& saved) {
    std::string about;
    if (saved.steps > 0)
        about += fmt::format("{} of about {} steps ({:.0f} %) not run: ", short_number(saved.steps),
                             short_number(saved.steps / saved.share), 100 * saved.share);
    if (saved.stopped > 0) about += counted(saved.stopped, "trial") + " stopped";
    if (saved.paused > 0)
        about += saved.stopped > 0 ? fmt::format(", {} paused", saved.paused)
                                   : counted(saved.paused, "trial") + " paused";
    if (saved.cost && *saved.cost > 0) about += "; a cost of about " + short_number(*saved.cost);
    if (!saved.risked.empty())
        about += fmt::format("; {} {} stopped although {} forecast reached the best", saved.risked.size(),
                             saved.risked.size() == 1 ? "was" : "were",
                             saved.risked.size() == 1 ? "its" : "their");
    return tile("Saved by early stopping", short_duration(saved.seconds),
                about + "; estimated at each trial's own pace");
}

/// The time of the search alone: what a program does before the first trial and after the last is not in the
/// study.
std::string time_tile(const Study& study) {
    double spent = 0;
    for (const TrialRecord& trial : study.trials()) spent += trial.duration_seconds();
    const WorkTime time = work_time(study);
    std::string about = short_duration(spent) + " summed over trials";
    if (const double pauses = seconds_paused(time); pauses > 0)
        about += "; " + short_duration(pauses) + " between trials not counted";
    const std::string begun = date_and_time(time.begun_seconds), ended = date_and_time(time.ended_seconds);
    if (!begun.empty() && !study.trials().empty()) about += "; begun " + begun + ", ended " + ended + " UTC";
    return tile("Search time", short_duration(time.seconds), about);
}

std::string two_columns(const std::map<std::string, std::string>& rows) {
    std::string text;
    for (const auto& [name, value] : rows)
        text +=
            fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", breakable_html(name), safe(value));
    return "<table class=\"pairs\">\n" + text + "</table>\n";
}

/// Settings that programs keep as JSON, told as people write them; any other text as it is.
std::string plain(const std::string& text) {
    using Json = nlohmann::ordered_json;
    const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto leaf = [](const Json& value) {
        return value.is_string() ? value.get<std::string>()
                                 : value.dump(-1, ' ', false, Json::error_handler_t::replace);
    };
    if (json.is_string()) return json.get<std::string>();
    if (!json.is_structured()) return text;
    if (json.empty()) return "none";
    std::string out;
    for (const auto& [name, value] : json.items())
        out += (out.empty() ? "" : ", ") + (json.is_object() ? name + " = " : "") + leaf(value);
    return out;
}

std::map<std::string, std::string> plain(const std::map<std::string, std::string>& settings) {
    std::map<std::string, std::string> out;
    for (const auto& [name, value] : settings) out[name] = plain(value);
    return out;
}

std::string titled(const std::string& title, const std::string& body) {
    return "<div class=\"block\"><h3>" + title + "</h3><div class=\"scroll\">" + body + "</div></div>\n";
}

std::string range_text(const Parameter& parameter) {
    if (parameter.kind == ParameterKind::categorical) return parameter.choices_text();
    std::string text = fmt::format("{} to {}", to_string(parameter.low), to_string(parameter.high));
    if (parameter.step) text += ", step " + to_string(*parameter.step);
    return text;
}

std::string space_table(const Study& study) {
    std::string text =
        "<table><thead><tr><th>parameter</th><th>kind</th><th>values</th><th>scale</th><th>active "
        "when</th></tr></thead><tbody>\n";
    for (const Parameter& p : study.space().parameters()) {
        const bool categorical = p.kind == ParameterKind::categorical;
        text += fmt::format(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", safe(p.name),
            to_string(p.kind), safe(range_text(p)), categorical ? "" : to_string(p.scale),
            p.condition.is_always() ? "always" : safe(condition_text(p.condition, study.space().schema())));
    }
    text += "</tbody></table>\n";
    for (const Expression& constraint : study.space().schema().constraints)
        text += "<p>Constraint: <code>" + safe(constraint.text()) + "</code></p>\n";
    return text;
}

/// Numbers as people read them; pointing at one shows all its digits.
std::string value_cell(const Value& value) {
    const std::string exact = to_string(value), text = short_value(value);
    if (text == exact) return fmt::format("<td>{}</td>", safe(exact));
    return fmt::format("<td title=\"{}\">{}</td>", exact, text);
}

std::string short_text(const Configuration& configuration) {
    std::string text;
    for (const auto& [name, value] : configuration.values())
        text += (text.empty() ? "" : " ") + name + "=" + short_value(value);
    return text;
}

std::string configuration_table(const TrialRecord& trial) {
    std::string text;
    for (const auto& [name, value] : trial.configuration.values())
        text +=
            fmt::format("<tr><th scope=\"row\">{}</th>{}</tr>\n", breakable_html(name), value_cell(value));
    return "<table class=\"pairs\">\n" + text + "</table>\n";
}

std::string best_trial(const Study& study, const TrialRecord& trial) {
    std::map<std::string, std::string> result;
    for (const auto& [name, value] : trial.metrics) result[name] = short_number(value, 8);
    std::string about = fmt::format("Trial {}, {} after {}", trial.number, to_string(trial.state),
                                    short_duration(trial.duration_seconds()));
    if (!trial.reports.empty()) about += " and " + counted(trial.reports.size(), "report");
    if (!trial.suggestion_reason.empty()) about += "; asked for because: " + trial.suggestion_reason;
    std::string text =
        "<p class=\"note\">" + safe(about) + "</p>\n<div class=\"columns\">" +
        titled("Configuration", study.space().size() == 0 ? "<p>The space has no parameters.</p>"
                                                          : configuration_table(trial)) +
        titled("Results", two_columns(result));
    if (const auto notes = shown_attributes(trial); !notes.empty())
        text += titled("Attributes", two_columns(notes));
    return text + "</div>\n";
}

std::string front_table(const Study& study, const std::vector<std::int64_t>& front) {
    constexpr std::size_t most = 50;
    std::string text = "<div class=\"scroll\"><table><thead><tr><th>trial</th><th>state</th>";
    for (const Objective& objective : study.objectives())
        text += "<th class=\"number\">" + safe(objective.metric) + "</th>";
    text += "<th>configuration</th></tr></thead><tbody>\n";
    for (std::size_t i = 0; i < std::min(front.size(), most); ++i) {
        const TrialRecord& trial = study.trial(front[i]);
        text += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td>", trial.number, to_string(trial.state));
        for (std::size_t k = 0; k < study.objectives().size(); ++k)
            text += "<td class=\"number\">" + short_number(study.value(trial, k)) + "</td>";
        text += "<td title=\"" + safe(trial.configuration.text()) + "\"><code>" +
                safe(short_text(trial.configuration)) + "</code></td></tr>\n";
    }
    text += "</tbody></table></div>\n";
    if (front.size() > most)
        text += fmt::format("<p class=\"note\">The first {} of {} are listed.</p>\n", most, front.size());
    return text;
}

/// The configurations that were repeated to tell luck from merit; empty where none was.
std::string finalists_table(const Study& study) {
    std::string rows;
    for (const Finalist& finalist : finalists(study)) {
        std::string values;
        for (const double value : finalist.values)
            values += (values.empty() ? "" : ", ") + short_number(value);
        const bool known = std::isfinite(finalist.chance_best);
        rows += fmt::format(
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td><td "
            "class=\"number\">{}</td><td class=\"number\">{}</td><td "
            "class=\"number\">{}</td><td>{}</td></tr>\n",
            finalist.trial, short_number(finalist.first_value), short_number(finalist.mean),
            short_number(finalist.expected), known ? short_number(finalist.standard_error, 2) : "-",
            known ? fmt::format("{:.0f} %", 100 * finalist.chance_best) : "-", values);
    }
    if (rows.empty()) return "";
    return "<h3>Finalists</h3>\n<p class=\"note\">" + safe(winner_text(study)) +
           ". The mean is that of the repeats, without the value for which a trial was chosen; what is "
           "expected is "
           "drawn towards the others by as much as chance may have parted them.</p>\n"
           "<div class=\"scroll\"><table><thead><tr><th>trial</th><th class=\"number\">at first</th><th "
           "class=\"number\">mean</th><th class=\"number\">expected</th><th class=\"number\">standard "
           "error</th><th class=\"number\">chance to "
           "be "
           "the best</th><th>repeats</th></tr></thead><tbody>\n" +
           rows + "</tbody></table></div>\n";
}

/// What to say, and the trial to show, where no trial is the best.
std::string without_best(const Study& study, const std::string& wanted) {
    const TrialRecord* nearest = study.nearest_to_constraints();
    if (nearest == nullptr) return "<p>No trial came to " + wanted + ".</p>\n";
    return "<p>No trial keeps " + safe(outcome_constraints_text(study.outcome_constraints())) +
           ". The one that comes nearest:</p>\n" + best_trial(study, *nearest);
}

}  // namespace

std::map<std::string, std::string> shown_attributes(const TrialRecord& trial) {
    std::map<std::string, std::string> notes = trial.attributes;
    std::error_code ignored;
    if (!trial.checkpoint().empty() && !std::filesystem::exists(trial.checkpoint(), ignored))
        notes.erase("checkpoint");
    return notes;
}

std::string section_html(const std::string& id, const std::string& title, const std::string& body) {
    return fmt::format("<section id=\"{}\" class=\"card\">\n<h2>{}</h2>\n{}</section>\n", id, safe(title),
                       body);
}

std::string summary_html(const Study& study) {
    std::string text = best_tile(study) + trials_tile(study);
    const bool running = study.count(TrialState::running) + study.count(TrialState::waiting) > 0;
    text += study.end_reason().empty()
                ? tile("Ended because", running ? "still running" : "not ended", "as of the latest event")
                : tile("Ended because", "<span class=\"words\">" + safe(study.end_reason()) + "</span>", "");
    text += time_tile(study);
    if (const auto saved = savings(study)) text += savings_tile(*saved);
    return "<div class=\"tiles\">\n" + text + "</div>\n";
}

std::string best_html(const Study& study) {
    if (study.objectives().size() > 1) {
        const std::vector<std::int64_t> front = pareto_front(study);
        return section_html(
            "best", "Pareto set",
            front.empty() ? without_best(study, "a value of every objective") : front_table(study, front));
    }
    const TrialRecord* best = study.best();
    return section_html("best", "Best configuration",
                        (best == nullptr ? without_best(study, "a value") : best_trial(study, *best)) +
                            finalists_table(study));
}

std::string settings_html(const Study& study) {
    std::map<std::string, std::string> settings = plain(study.settings());
    settings["name"] = study.name();
    settings["seed"] = fmt::format("{}", study.seed());
    if (!study.outcome_constraints().empty())
        settings["outcome constraints"] = outcome_constraints_text(study.outcome_constraints());
    if (study.space_version() > 0)
        settings["changes of the space"] = fmt::format("{}", study.space_version());
    std::string body = titled("Search space", space_table(study)) + "<div class=\"columns\">" +
                       titled("Settings", two_columns(settings));
    if (!study.environment().empty()) body += titled("Environment", two_columns(study.environment()));
    if (!study.attributes().empty()) body += titled("Attributes", two_columns(study.attributes()));
    return section_html("settings", "Study", body + "</div>\n");
}

}  // namespace attune::detail
