#include "tune_arguments.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "attune/metrics/number.hpp"
#include "attune/space/detail/nearest_name.hpp"
#include "attune/storage/detail/json_object.hpp"
#include "attune/strategy/converged.hpp"
#include "option_checks.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

std::string listed(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

std::pair<std::string, std::string> split(const std::string& text, char at, const std::string& option,
                                          const std::string& form) {
    const auto place = text.find(at);
    if (place == std::string::npos || place == 0)
        throw InvalidOption(option + " '" + text + "' must be " + form);
    return {text.substr(0, place), text.substr(place + 1)};
}

/// A value as in JSON; what is none is a string.
Value value_from_text(const std::string& text) {
    try {
        return value_from_json(parse_json(text, "value"), "value");
    } catch (const InvalidJson&) {
        return text;
    }
}

event::Values pairs_from(const std::vector<std::string>& arguments, const std::string& option) {
    event::Values out;
    for (const std::string& argument : arguments) {
        auto [name, text] = split(argument, '=', option, "name=value");
        out.emplace_back(std::move(name), value_from_text(text));
    }
    return out;
}

/// Writes the values of a space file's parameters in their own type, so that --fixed optimizer=3 finds the
/// category "3".
event::Values typed(const SearchSpace& space, event::Values values, const std::string& option) {
    std::vector<std::string> names;
    for (const Parameter& p : space.parameters()) names.push_back(p.name);
    for (auto& [name, value] : values) {
        const auto place = space.schema().find(name);
        if (!place)
            throw InvalidConfiguration(option + ": parameter '" + name + "' is unknown" +
                                       detail::suggestion(name, names));
        for (const Value& choice : space[*place].choices)
            if (to_string(choice) == to_string(value)) value = choice;
    }
    return values;
}

/// Whether a shell would do something with the word, where a program just gets it: an operator, a
/// redirection, a variable, a command's end.
bool is_for_shell(const std::string& word) {
    constexpr std::array operators{"|", "||", "|&", "&", "&&", ";", "<", ">"};
    if (std::ranges::find(operators, word) != operators.end()) return true;
    const auto redirection = word.find_first_not_of("012&");
    if (redirection != std::string::npos && redirection < 2 && word.size() > 1 &&
        (word[redirection] == '>' || (redirection == 0 && word[0] == '<' && word.back() != '>')))
        return true;
    if (word.size() > 1 && word.back() == ';') return true;
    return word.size() > 1 && word[0] == '$' &&
           (std::isalpha(static_cast<unsigned char>(word[1])) != 0 || word[1] == '(' || word[1] == '{' ||
            word[1] == '_');
}

ArgumentStyle style_from(const std::string& word) {
    if (word == "none") return ArgumentStyle::none;
    if (word == "separate") return ArgumentStyle::separate;
    if (word == "equals") return ArgumentStyle::equals;
    if (word == "plain") return ArgumentStyle::plain;
    return ArgumentStyle::automatic;
}

/// What --strategy and --strategy-option (or those of stopping) say over what the file says.
void apply_named(const std::string& kind, const std::string& name, const std::vector<std::string>& options,
                 StudySetup& setup, Named& named) {
    if (!name.empty() && name != named.name) named = {name};
    for (auto& [option, value] : pairs_from(options, "--" + kind + "-option")) named.options[option] = value;
    if (!name.empty()) setup.given.insert(kind);
    if (!options.empty()) setup.given.insert(kind + "_options");
}

}  // namespace

/// A `create` object, alone or under that name, an object of space and constraints, or the list of
/// parameters.
StudySetup setup_from_file(const std::string& path) {
    StudySetup otherwise;
    otherwise.storage = "study.attune";
    const Json json = parse_json(read_text_file(path), path);
    if (json.is_array()) return setup_from_json(Json{{"space", json}}, path, otherwise);
    if (json.is_object() && json.size() == 1 && json.contains("create"))
        return setup_from_json(json.at("create"), path + ": create", otherwise);
    return setup_from_json(json, path, otherwise);
}

Objective objective_from(const std::string& text) {
    const auto [direction, metric] = split(text, ':', "--objective", "maximize:metric or minimize:metric");
    try {
        return {metric, direction_from(direction)};
    } catch (const UnknownName& error) {
        throw InvalidOption("--objective '" + text + "': " + error.what() +
                            detail::suggestion(direction, {"maximize", "minimize"}));
    }
}

double seconds_from(const std::string& text, const std::string& option) {
    const auto refuse = [&]() -> double {
        throw InvalidOption(option + " '" + text +
                            "' must be a time above 0 such as 90, 90s, 15m, 2h, 1d or 1h30m");
    };
    double sum = 0;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t unit = std::min(text.find_first_of("smhd", begin), text.size());
        const auto number = parse_number(text.substr(begin, unit - begin));
        if (!number || !std::isfinite(*number) || *number < 0 || (unit == text.size() && begin > 0))
            return refuse();
        const char word = unit == text.size() ? 's' : text[unit];
        sum += *number * (word == 'm' ? 60 : word == 'h' ? 3600 : word == 'd' ? 86400 : 1);
        begin = unit + 1;
    }
    return sum > 0 ? sum : refuse();
}

std::uint64_t bytes_from(const std::string& text, const std::string& option) {
    constexpr std::string_view units = "KMGT";
    const std::size_t unit = units.find(text.empty() ? '-' : text.back());
    const auto number = parse_number(unit == std::string_view::npos ? text : text.substr(0, text.size() - 1));
    double bytes = number.value_or(0);
    for (std::size_t i = 0; unit != std::string_view::npos && i <= unit; ++i) bytes *= 1024;
    if (!(bytes >= 1) || bytes > 1e18)
        throw InvalidOption(option + " '" + text +
                            "' must be a number of bytes above 0, such as 500000, 500M or 20G");
    return static_cast<std::uint64_t>(bytes);
}

void TuneArguments::add_to(CLI::App& c) {
    c.add_option("space", space_word,
                 "JSON file of the space: a list of parameters, or an object as ask-tell's \"create\"");
    c.add_option("--space", space_option, "The same file, as an option");
    c.add_option("--command", command_line,
                 "The program, with {name} for hyperparameters: \"python train.py --lr {lr}\"; or as words "
                 "after --. No shell reads it: for pipes, redirections and variables say \"sh -c '...'\"");
    c.add_option(
         "--arguments", style,
         "How hyperparameters without a placeholder are handed over: separate (--name value), equals "
         "(--name=value), plain (name=value), none, or automatic (separate, but none where the command "
         "has placeholders or --json-config or --env-prefix hands them over)")
        ->check(one_of({"automatic", "none", "separate", "equals", "plain"}))
        ->capture_default_str();
    c.add_option("--env-prefix", env_prefix,
                 "Hand them over in the environment too: PREFIX and the name in capitals");
    c.add_flag("--json-config", json_config,
               "Write them to a JSON file whose path is in ATTUNE_CONFIG (and in {json})");
    c.add_flag("--python-booleans", python_booleans, "Write True and False instead of true and false");

    metrics.add_to(c);
    c.add_option("--objective", objectives, "maximize:metric or minimize:metric; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--outcome-constraint", outcome_constraints,
                 "A bound that a result must keep to be the best: \"latency_ms <= 20\"; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--step-metric", step_metric,
                 "The metric that is the step (an epoch number); otherwise reports are counted");
    c.add_option(
         "--report-on", report_on,
         "When a report is complete: objective (as soon as the objectives are there) or next-step (when "
         "the step changes)")
        ->check(one_of({"objective", "next-step"}))
        ->capture_default_str();

    c.add_option(
        "--strategy", strategy,
        "What proposes: " + listed(StrategyRegistry::standard().names()) + " (default gaussian_process)");
    c.add_option("--strategy-option", strategy_options, "name=value; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option(
        "--stopping", stopping,
        "What ends hopeless trials early: " + listed(StoppingPolicyRegistry::standard().names()) +
            " (default median after a tenth of the longest training, with several objectives dominated)");
    c.add_option("--stopping-option", stopping_options, "name=value; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--duplicates", duplicates, "forbid, allow or replicate:times");
    c.add_option("--fixed", fixed,
                 "name=value for all trials but those that are enqueued with another; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--enqueue", enqueued,
                 "A configuration as JSON to try first, unless the study had it before; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--parents", parents,
                 "An earlier study on other data or of another program: what was good there is tried first; "
                 "repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option(
         "--same-task-parents", same_task_parents,
         "An earlier study of the same thing, perhaps over other ranges: its trials count; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--seed", seed, "Of the study's random numbers (default 0)")->check(whole_number(0));

    c.add_option("--trials", trials,
                 "How many trials in all, those of earlier runs counted; see Failures below")
        ->check(whole_number(1));
    c.add_option("--time-limit", time_limit, "For this run: 90s, 15m, 2h, 1h30m");
    c.add_option("--target", target, "End when the objective is this good")->check(finite_number());
    c.add_option("--no-improvement", no_improvement, "End after so many trials without a better one")
        ->check(whole_number(1));
    c.add_option("--converged", converged,
                 "End when, by a model of the trials, a better value by more than this share of the best is "
                 "unlikely (below 5 %): 0.01");
    c.add_option("--trial-time-limit", trial_time_limit, "For each attempt of a trial");
    c.add_option("--silence-limit", silence_limit, "How long a trial may print nothing");
    c.add_option("--parallel", parallel, "Trials at once")
        ->check(whole_number(1, 4096))
        ->capture_default_str();
    c.add_option("--retries", retries,
                 "Further attempts after failures that are not the configuration's fault")
        ->check(whole_number(0, 1000))
        ->capture_default_str();
    c.add_option("--max-failures", max_failures,
                 "End after so many failed trials in a row, whatever they failed of")
        ->check(whole_number(1, 1000000))
        ->capture_default_str();

    c.add_option("--study", study,
                 "Where the study is kept: a journal's file, sqlite:///file.db?study=name or "
                 "postgresql://user@host/database?study=name; one that exists is gone on with (default "
                 "study.attune)");
    c.add_option("--durability", durability,
                 "What the study survives: none, process_crash, power_loss (the default) or "
                 "power_loss_with_reports")
        ->check(one_of({"none", "process_crash", "power_loss", "power_loss_with_reports"}));
    c.add_option(
        "--heartbeat", heartbeat,
        "How often this worker gives a sign of life to others (default 10s); they go on with its trials "
        "when one and a half of it have passed without");
    c.add_option("--worker-name", worker_name, "Of this worker, for people who look at the study's workers");
    c.add_flag("--change-space", change_space,
               "Change an existing study's space to this one; its trials stay evidence");
    c.add_option("--old-trials", old_trials,
                 "name=value that the trials before the change are taken to have had; repeatable")
        ->take_all()
        ->allow_extra_args(false);
    c.add_option("--report", report,
                 "The HTML page at the end (default: the journal's name with .html; of a database, its and "
                 "the study's)");
    c.add_option("--logs", logs, "Folder for the trials' output (default: as the report, with .logs)");
    c.add_option(
        "--checkpoints", checkpoints,
        "Folder for the trials' checkpoint folders, handed over as {checkpoint_dir} and in "
        "ATTUNE_CHECKPOINT; a trial whose worker was killed, or that was paused, finds its own again");
    c.add_option(
        "--checkpoint-quota", checkpoint_quota,
        "Room in that folder, such as 500M or 20G: ended trials' checkpoints go first, then those of "
        "paused trials that are least worth keeping");
    c.add_option("--tensorboard", tensorboard,
                 "Folder for TensorBoard's event files, written while trials run: a run for each trial");
    c.add_flag("--quiet", quiet, "No line for each trial, and no live line on a terminal");
    c.add_flag("--check-only", check_only,
               "Check all of this, also against an existing study; run and write nothing");
}

std::string TuneArguments::space_file() const {
    if (space_word.empty() && space_option.empty())
        throw InvalidOption(
            "no search space is given: name its JSON file with --space, or as the first word");
    if (!space_word.empty() && !space_option.empty())
        throw InvalidOption("the search space is given twice: '" + space_word + "' and --space '" +
                            space_option + "' (a program's words go after --)");
    return space_word.empty() ? space_option : space_word;
}

StudySetup TuneArguments::setup() const {
    StudySetup out = setup_from_file(space_file());
    if (!objectives.empty()) out.objectives.clear();
    for (const std::string& text : objectives) out.objectives.push_back(objective_from(text));
    if (out.objectives.empty())
        throw InvalidOption(
            "no objective is given: say --objective maximize:metric or put \"objectives\" into " +
            space_file());
    if (!outcome_constraints.empty()) {
        out.outcome_constraints.clear();
        for (const std::string& text : outcome_constraints)
            out.outcome_constraints.push_back(outcome_constraint_from(text));
        out.given.insert("outcome_constraints");
    }
    apply_named("strategy", strategy, strategy_options, out, out.strategy);
    if (out.strategy.name == "finalists" && trials) out.strategy.options.emplace("trials", *trials);
    apply_named("stopping", stopping, stopping_options, out, out.stopping);
    if (!duplicates.empty()) {
        const std::string replicate = "replicate:";
        out.duplicates = duplicates_from_json(
            duplicates.rfind(replicate, 0) == 0
                ? Json{{"replicate", value_to_json(value_from_text(duplicates.substr(replicate.size())))}}
                : Json(duplicates));
        out.given.insert("duplicates");
    }
    for (auto& [name, value] : typed(out.space, pairs_from(fixed, "--fixed"), "--fixed"))
        out.fixed.emplace_back(name, value);
    for (const std::string& path : parents) out.parents.push_back(parent_at(path, ParentTask::related));
    for (const std::string& path : same_task_parents)
        out.parents.push_back(parent_at(path, ParentTask::same));
    if (!parents.empty() || !same_task_parents.empty()) out.given.insert("parents");
    out.checkpoints = checkpoints;
    if (!checkpoint_quota.empty()) {
        if (checkpoints.empty()) throw InvalidOption("--checkpoint-quota: goes with --checkpoints");
        out.checkpoint_quota_bytes = bytes_from(checkpoint_quota, "--checkpoint-quota");
    }
    out.change_space = out.change_space || change_space;
    for (auto& [name, value] : typed(out.space, pairs_from(old_trials, "--old-trials"), "--old-trials"))
        out.old_trials.emplace_back(name, value);
    if (!old_trials.empty() && !out.change_space)
        throw InvalidOption("--old-trials: goes with --change-space");
    if (!fixed.empty()) out.given.insert("fixed");
    check_fixed(out.space, out.fixed);
    if (seed) {
        out.seed = *seed;
        out.given.insert("seed");
    }
    if (!study.empty()) out.storage = study;
    if (out.storage == "memory:" && study.empty()) out.storage = "study.attune";
    if (!durability.empty()) out.durability = durability_from(durability);
    if (!heartbeat.empty()) out.heartbeat_seconds = seconds_from(heartbeat, "--heartbeat");
    if (!worker_name.empty()) out.worker_name = worker_name;
    out.notes["command"] = command_words.empty() ? first_line(command_line) : command_text(command_words);
    out.notes["metrics"] = metrics.text();
    if (!step_metric.empty()) out.notes["step_metric"] = step_metric;
    return out;
}

namespace {

/// Ends a run whose first programs ended well without a metric that they must give: a definition that never
/// matches would cost all the trainings there are.
Limit nothing_was_read() {
    return Limit([](const RunProgress& p) -> std::optional<std::string> {
        constexpr std::size_t most = 3;
        std::size_t unread = 0;
        const TrialRecord* last = nullptr;
        for (const TrialRecord& trial : p.study.trials()) {
            if (!std::isnan(p.study.value(trial))) return std::nullopt;
            const bool is_unread = trial.reason.find(never_gave) != std::string::npos;
            if (!is_unread || trial.started_seconds < p.started_seconds) continue;
            last = &trial;
            ++unread;
        }
        if (unread < most) return std::nullopt;
        return fmt::format(
            "{} programs ended well without a metric that is needed; try the definitions on the output of "
            "one, by "
            "attune extract. The last one: {}",
            unread, first_line(last->reason));
    });
}

}  // namespace

Limits TuneArguments::limits() const {
    Limits out;
    out.max_trials = trials;
    if (!time_limit.empty())
        out.max_duration = std::chrono::duration<double>(seconds_from(time_limit, "--time-limit"));
    out.target = target;
    out.max_trials_without_improvement = no_improvement;
    out.max_failures_in_a_row = max_failures;
    out.also = nothing_was_read();
    if (converged) out.also = attune::converged({.share = *converged}) || *out.also;
    (void)out.any();  // refuses what is out of range before anything runs
    return out;
}

void TuneArguments::require_constrained(const StudySetup& setup) const {
    for (const OutcomeConstraint& constraint : setup.outcome_constraints)
        metrics.require(constraint.metric, "outcome constraint " + constraint.text());
}

ScriptOptions TuneArguments::script(const StudySetup& setup) const {
    if (command_line.empty() == command_words.empty())
        throw InvalidOption("name the program once: --command \"python train.py\", or as words after --");
    ScriptOptions out;
    CommandOptions& command = out.command;
    command.command = command_words.empty() ? split_command_line(command_line) : command_words;
    command.arguments = style_from(style);
    for (const Parameter& p : setup.space.parameters()) command.parameters.push_back(p.name);
    if (python_booleans) command.true_text = "True", command.false_text = "False";
    if (!env_prefix.empty()) command.environment_prefix = env_prefix;
    command.json_file = json_config;
    command.extractor = metrics.extractor();
    for (const Objective& objective : setup.objectives) {
        metrics.require(objective.metric,
                        "objective " + std::string(to_string(objective.direction)) + " " + objective.metric);
        command.collector.objectives.push_back(objective.metric);
    }
    require_constrained(setup);
    for (const OutcomeConstraint& constraint : setup.outcome_constraints)
        command.required.push_back(constraint.metric);
    if (!step_metric.empty()) metrics.require(step_metric, "--step-metric");
    for (const auto& [name, value] : setup.stopping.options)
        if (name == "metric" || name.ends_with(".metric"))
            metrics.require(to_string(value), "stopping option " + name);
    command.collector.step_metric = step_metric;
    if (report_on == "next-step") command.collector.completion = ReportCompletion::on_next_step;
    if (!trial_time_limit.empty())
        command.time_limit =
            std::chrono::duration<double>(seconds_from(trial_time_limit, "--trial-time-limit"));
    if (!silence_limit.empty())
        command.silence_limit = std::chrono::duration<double>(seconds_from(silence_limit, "--silence-limit"));
    command.retry.max_attempts = retries + 1;
    if (parallel > 1) {  // each library of a child has its own thread count, and each would take all cores
        const unsigned threads =
            std::max(1U, std::thread::hardware_concurrency() / static_cast<unsigned>(parallel));
        for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"})
            if (std::getenv(name) == nullptr) command.environment.emplace_back(name, std::to_string(threads));
    }
    return out;
}

std::vector<event::Values> TuneArguments::enqueued_values() const {
    std::vector<event::Values> out;
    for (const std::string& text : enqueued)
        out.push_back(values_from_json(parse_json(text, "--enqueue"), "--enqueue"));
    return out;
}

std::string TuneArguments::shell_word() const {
    if (command_line.empty()) return {};  // words after -- have been through the user's shell
    const std::vector<std::string> words = split_command_line(command_line);
    const auto found = std::ranges::find_if(words, is_for_shell);
    return found == words.end() ? std::string{} : *found;
}

}  // namespace attune::program
