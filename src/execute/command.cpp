#include "attune/execute/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>
#include <utility>

#include "attune/error.hpp"
#include "attune/space/detail/nearest_name.hpp"
#include "command_line.hpp"
#include "command_run.hpp"
#include "interpreted_script.hpp"

namespace attune {
namespace {

constexpr std::string_view kContextNames[] = {"trial", "attempt", "seed", "checkpoint_dir", "json"};

bool is_context_name(const std::string& name) {
    return std::find(std::begin(kContextNames), std::end(kContextNames), name) != std::end(kContextNames);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

void require(bool holds, const char* name, double value, const char* rule) {
    if (!holds) throw InvalidOption(fmt::format("{} is {}; it must be {}", name, value, rule));
}

std::string environment_name(const std::string& prefix, const std::string& name) {
    std::string result = prefix;
    for (const char c : name) {
        const bool lower = c >= 'a' && c <= 'z';
        const bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        result += lower ? static_cast<char>(c - 'a' + 'A') : kept ? c : '_';
    }
    return result;
}

std::string value_text(const CommandOptions& options, const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? options.true_text : options.false_text;
    return to_string(value);
}

detail::Substitutions substitutions(const CommandOptions& options,
                                    const std::vector<std::pair<std::string, Value>>& values,
                                    const CommandContext& context, int attempt,
                                    const std::filesystem::path& json_path) {
    detail::Substitutions result;
    result["trial"] = std::to_string(context.trial);
    result["attempt"] = std::to_string(attempt);
    result["seed"] = std::to_string(context.seed);
    if (!context.checkpoint_directory.empty())
        result["checkpoint_dir"] = context.checkpoint_directory.string();
    if (!json_path.empty()) result["json"] = json_path.string();
    for (const std::string& name : options.parameters) result[name] = std::nullopt;
    for (const auto& [name, value] : values) result[name] = value_text(options, value);
    return result;
}

/// A name without a slash that is a program's.
bool is_in_path(const std::string& name) try {
    return name.find('/') == std::string::npos && !find_program(name).empty();
} catch (const SpawnError&) {
    return false;
}

}  // namespace

void RetryOptions::validate() const {
    require(max_attempts >= 1, "max_attempts", max_attempts, "1 or more");
    require(first_delay_seconds >= 0, "first_delay_seconds", first_delay_seconds, "0 or more");
    require(factor >= 1, "factor", factor, "1 or more");
    require(max_delay_seconds >= 0, "max_delay_seconds", max_delay_seconds, "0 or more");
    require(jitter >= 0 && jitter <= 1, "jitter", jitter, "between 0 and 1");
}

void CommandOptions::validate() const {
    if (command.empty() || command.front().empty())
        throw InvalidOption("command is empty; its first element names the program");
    collector.validate();
    lines.validate();
    retry.validate();
    require(time_limit.count() >= 0, "time_limit", time_limit.count(), "0 s or more");
    require(silence_limit.count() >= 0, "silence_limit", silence_limit.count(), "0 s or more");
    require(grace.count() >= 0, "grace", grace.count(), "0 s or more");
    if (!extractor.has_value())
        throw InvalidOption(
            "extractor is not set; without one no metric can be read from the command's output");
    if (parameters.empty()) return;
    for (const std::string& name : detail::placeholders(command))
        if (!contains(parameters, name) && !is_context_name(name))
            throw InvalidOption(fmt::format(
                "command: the placeholder '{{{}}}' is no parameter of the space, whose parameters are {}, "
                "and none of {} (write {{{{{}}}}} for the text itself){}",
                name, fmt::join(parameters, ", "), fmt::join(kContextNames, ", "), name,
                detail::suggestion(name, parameters)));
}

Command::Command(CommandOptions options) : options_(std::move(options)) {
    options_.validate();
    bool has_placeholder = false;
    wants_json_ = options_.json_file;
    for (const std::string& name : detail::placeholders(options_.command)) {
        const bool is_parameter = contains(options_.parameters, name) || !is_context_name(name);
        has_placeholder = has_placeholder || is_parameter || name == "json";
        wants_json_ = wants_json_ || (name == "json" && !is_parameter);
    }
    if (options_.arguments == ArgumentStyle::automatic)
        options_.arguments = has_placeholder ? ArgumentStyle::none : ArgumentStyle::separate;
}

std::vector<std::string> Command::withheld_parameters() const {
    if (options_.arguments != ArgumentStyle::none || wants_json_ || options_.environment_prefix) return {};
    const std::vector<std::string> shown = detail::placeholders(options_.command);
    std::vector<std::string> withheld;
    for (const std::string& name : options_.parameters)
        if (!contains(shown, name)) withheld.push_back(name);
    return withheld;
}

std::vector<std::string> Command::arguments(const std::vector<std::pair<std::string, Value>>& values,
                                            const CommandContext& context, int attempt,
                                            const std::filesystem::path& json_path) const {
    std::vector<std::string> result =
        detail::substitute(options_.command, substitutions(options_, values, context, attempt, json_path));
    for (const auto& [name, value] : values) {
        const std::string text = value_text(options_, value);
        switch (options_.arguments) {
            case ArgumentStyle::automatic:
            case ArgumentStyle::none:
                break;
            case ArgumentStyle::separate:
                result.push_back("--" + name);
                result.push_back(text);
                break;
            case ArgumentStyle::equals:
                result.push_back(fmt::format("--{}={}", name, text));
                break;
            case ArgumentStyle::plain:
                result.push_back(fmt::format("{}={}", name, text));
                break;
        }
    }
    return result;
}

std::vector<std::pair<std::string, std::string>> Command::environment(
    const std::vector<std::pair<std::string, Value>>& values, const CommandContext& context, int attempt,
    const std::filesystem::path& json_path) const {
    std::vector<std::pair<std::string, std::string>> result;
    if (options_.unbuffered_python && std::getenv("PYTHONUNBUFFERED") == nullptr)
        result.emplace_back("PYTHONUNBUFFERED", "1");
    result.insert(result.end(), options_.environment.begin(), options_.environment.end());
    const std::size_t first_own = result.size();
    result.emplace_back("ATTUNE_TRIAL", std::to_string(context.trial));
    result.emplace_back("ATTUNE_ATTEMPT", std::to_string(attempt));
    result.emplace_back("ATTUNE_SEED", std::to_string(context.seed));
    if (!context.checkpoint_directory.empty())
        for (const char* name : {"ATTUNE_CHECKPOINT", "ATTUNE_CHECKPOINT_DIR"})
            result.emplace_back(name, context.checkpoint_directory.string());
    if (context.until) result.emplace_back("ATTUNE_UNTIL", fmt::format("{}", *context.until));
    if (context.reported_step)
        result.emplace_back("ATTUNE_REPORTED_STEP", fmt::format("{}", *context.reported_step));
    if (!json_path.empty()) result.emplace_back("ATTUNE_CONFIG", json_path.string());
    if (!options_.environment_prefix) return result;

    std::set<std::string> taken = {"ATTUNE_CHECKPOINT", "ATTUNE_CHECKPOINT_DIR", "ATTUNE_CONFIG",
                                   "ATTUNE_UNTIL", "ATTUNE_REPORTED_STEP"};
    for (std::size_t i = first_own; i < result.size(); ++i) taken.insert(result[i].first);
    for (const auto& [name, value] : values) {
        std::string variable = environment_name(*options_.environment_prefix, name);
        if (!taken.insert(variable).second)
            throw InvalidOption(fmt::format(
                "environment_prefix is '{}': the parameter '{}' would be {}, which another parameter or "
                "Attune itself uses; choose another prefix",
                *options_.environment_prefix, name, variable));
        result.emplace_back(std::move(variable), value_text(options_, value));
    }
    return result;
}

void Command::check_program() const {
    const std::string& program = options_.command.front();
    if (!detail::placeholders({program}).empty()) return;
    (void)find_program(program, options_.working_directory);
    const auto script = detail::interpreted_script(options_.command);
    if (!script || !detail::placeholders({*script}).empty()) return;
    std::error_code ignored;
    if (std::filesystem::exists(options_.working_directory / *script, ignored)) return;
    if (detail::is_shell(program) && is_in_path(*script)) return;
    throw SpawnError(fmt::format("'{}' cannot run '{}': there is no such file", program, *script), ENOENT);
}

CommandResult Command::run(const std::vector<std::pair<std::string, Value>>& values,
                           const CommandContext& context, const CommandCallbacks& callbacks,
                           const std::stop_token& cancel) const {
    std::optional<detail::JsonFile> json;
    if (wants_json_) json.emplace(values);
    const std::filesystem::path json_path = json ? json->path() : std::filesystem::path{};
    detail::make_folder(context.checkpoint_directory);
    detail::CommandRun run(options_, context, callbacks, cancel);
    return run.all_attempts([&](int attempt) {
        ProcessOptions process;
        process.arguments = arguments(values, context, attempt, json_path);
        process.environment = environment(values, context, attempt, json_path);
        process.working_directory = options_.working_directory;
        process.log_file = context.log_file;
        process.time_limit = options_.time_limit;
        process.silence_limit = options_.silence_limit;
        process.grace = options_.grace;
        process.end_with_host = options_.end_with_host;
        return process;
    });
}

}  // namespace attune
