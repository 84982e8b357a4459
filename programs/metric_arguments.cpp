#include "metric_arguments.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "attune/error.hpp"
#include "attune/space/detail/nearest_name.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "study_setup.hpp"

namespace attune::program {
namespace {

MetricDefinition definition_from_argument(const std::string& argument) {
    const auto equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
        throw InvalidOption("--metric '" + argument +
                            "' must be name=regex, such as accuracy='acc: ([-+0-9.eE]+)'");
    MetricDefinition definition;
    definition.name = argument.substr(0, equals);
    definition.regex = argument.substr(equals + 1);
    return definition;
}

MetricDefinition definition_from_json(const Json& json, const std::string& what) {
    const detail::JsonObject object(json, what,
                                    {"Name", "Regex", "name", "regex", "group", "thousands_commas"});
    MetricDefinition definition;
    definition.name = object.has("Name") ? object.text("Name") : object.text("name");
    definition.regex = object.has("Regex") ? object.text("Regex") : object.text("regex");
    definition.group = object.integer<int>("group", 0);
    definition.thousands_commas = object.flag("thousands_commas", false);
    return definition;
}

/// Refuses an expression that cannot be used, naming where it stands.
void try_definition(const MetricDefinition& definition, const std::string& where) {
    try {
        (void)RegexMetrics({definition});
    } catch (const InvalidOption& error) {
        throw InvalidOption(where + ": " + error.what());
    }
}

std::vector<MetricDefinition> definitions_from_file(const std::string& path) {
    const Json json = parse_json(read_text_file(path), path);
    std::vector<MetricDefinition> out;
    const auto take = [&](MetricDefinition definition, const std::string& where) {
        try_definition(definition, where);
        out.push_back(std::move(definition));
    };
    if (json.is_object()) {
        for (const auto& [name, regex] : json.items()) {
            const std::string where = path + ": '" + name + "'";
            MetricDefinition definition;
            definition.name = name;
            definition.regex = detail::JsonObject::text_of(regex, where);
            take(std::move(definition), where);
        }
    } else if (json.is_array()) {
        for (std::size_t i = 0; i < json.size(); ++i) {
            const std::string where = path + ": [" + std::to_string(i) + "]";
            take(definition_from_json(json[i], where), where);
        }
    } else {
        throw InvalidJson(path + ": " + detail::JsonObject::shown(json) +
                          " must be a list of metric definitions or an object of name and regex");
    }
    if (out.empty()) throw InvalidOption(path + ": defines no metric");
    return out;
}

}  // namespace

void MetricArguments::add_to(CLI::App& command) {
    command.add_option("--metric", definitions, "name=regex with one group for the number; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    command.add_option("--metrics-file", definitions_file,
                       "JSON file: {\"name\": \"regex\"} or [{\"Name\": ..., \"Regex\": ...}]");
    command.add_flag("--json-lines", json_lines, "Read numbers from lines that hold a JSON object");
    command.add_option("--json-prefix", json_prefix, "The object follows this text (implies --json-lines)");
}

std::vector<MetricDefinition> MetricArguments::regexes() const {
    std::vector<MetricDefinition> out;
    for (const std::string& argument : definitions) out.push_back(definition_from_argument(argument));
    if (!definitions_file.empty())
        for (MetricDefinition& definition : definitions_from_file(definitions_file))
            out.push_back(std::move(definition));
    return out;
}

AnyMetricExtractor MetricArguments::extractor() const {
    const std::vector<MetricDefinition> regex_definitions = regexes();
    const bool json = json_lines || !json_prefix.empty();
    if (regex_definitions.empty() && !json)
        throw InvalidOption("no metric is defined: say --metric name=regex, --metrics-file or --json-lines");
    JsonLinesOptions json_options;
    json_options.prefix = json_prefix;
    if (regex_definitions.empty()) return JsonLinesMetrics(json_options);
    if (!json) return RegexMetrics(regex_definitions);
    return RegexAndJsonMetrics(RegexMetrics(regex_definitions), JsonLinesMetrics(json_options));
}

void MetricArguments::require(const std::string& metric, const std::string& what) const {
    if (json_lines || !json_prefix.empty()) return;
    std::vector<std::string> names;
    std::string list;
    for (const MetricDefinition& definition : regexes()) {
        if (definition.name == metric) return;
        names.push_back(definition.name);
        list += (list.empty() ? "" : ", ") + definition.name;
    }
    throw InvalidOption(what + ": no metric '" + metric +
                        "' is defined, so no trial could have it; defined: " + list +
                        detail::suggestion(metric, names) + " (--metric " + metric + "=REGEX defines it)");
}

std::string MetricArguments::text() const {
    std::string out;
    const auto add = [&](const std::string& part) { out += (out.empty() ? "" : "; ") + part; };
    for (const MetricDefinition& definition : regexes()) {
        std::string part = definition.name + "=" + definition.regex;
        if (definition.group > 0) part += " (group " + std::to_string(definition.group) + ")";
        if (definition.thousands_commas) part += " (thousands commas)";
        add(part);
    }
    if (!json_prefix.empty())
        add("JSON lines after '" + json_prefix + "'");
    else if (json_lines)
        add("JSON lines");
    return out;
}

std::vector<MetricValue> RegexAndJsonMetrics::extract(std::string_view line) {
    std::vector<MetricValue> values = regexes_.extract(line);
    for (MetricValue& value : json_.extract(line)) values.push_back(std::move(value));
    return values;
}

std::vector<std::string> RegexAndJsonMetrics::problems() const {
    std::vector<std::string> out = regexes_.problems();
    for (std::string& problem : json_.problems()) out.push_back(std::move(problem));
    return out;
}

}  // namespace attune::program
