#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attune/execute/script.hpp"
#include "attune/study/limits.hpp"
#include "metric_arguments.hpp"
#include "study_setup.hpp"

namespace attune::program {

/// The command line of `attune tune`, and what it comes to.
struct TuneArguments {
    std::string space_word, space_option;  ///< the space file, by either
    std::string command_line;
    std::vector<std::string> command_words;
    std::string style = "automatic", env_prefix;
    bool json_config = false, python_booleans = false;
    bool quiet = false, check_only = false, change_space = false;
    MetricArguments metrics;
    std::string step_metric, report_on = "objective";
    std::vector<std::string> objectives, outcome_constraints, strategy_options, stopping_options, fixed,
        enqueued, old_trials, parents, same_task_parents;
    std::string strategy, stopping, duplicates;
    std::optional<std::uint64_t> seed;
    std::string study, durability, heartbeat, worker_name;
    std::string report, logs, checkpoints, checkpoint_quota, tensorboard;
    std::optional<std::int64_t> trials, no_improvement;
    std::string time_limit, trial_time_limit, silence_limit;
    std::optional<double> target, converged;
    int parallel = 1, retries = 2, max_failures = 20;

    void add_to(CLI::App& command);
    /// Throws InvalidOption where no file is named or two are.
    [[nodiscard]] std::string space_file() const;
    /// The study: the space file with the command line over it. Throws under attune::Error.
    [[nodiscard]] StudySetup setup() const;
    [[nodiscard]] Limits limits() const;
    /// Throws for outcome constraints on a metric that no definition can produce.
    void require_constrained(const StudySetup& setup) const;
    /// Also throws for objectives and steps that no metric definition can produce.
    [[nodiscard]] ScriptOptions script(const StudySetup& setup) const;
    /// The configurations of --enqueue.
    [[nodiscard]] std::vector<event::Values> enqueued_values() const;
    /// The first word of --command that only a shell would understand, such as | or >; empty where there is
    /// none.
    [[nodiscard]] std::string shell_word() const;
};

/// A space file: the list of parameters, or an object with "space" and more of the study. Throws FileError
/// and as setup_from_json does.
[[nodiscard]] StudySetup setup_from_file(const std::string& path);
/// "maximize:metric" or "minimize:metric". Throws InvalidOption naming --objective.
[[nodiscard]] Objective objective_from(const std::string& text);

/// Seconds of "90", "90s", "15m", "2h", "1d" or sums such as "1h30m". Throws InvalidOption naming the option.
[[nodiscard]] double seconds_from(const std::string& text, const std::string& option);

/// Bytes of "500000", "500M" or "1.5G" (powers of 1024). Throws InvalidOption naming the option.
[[nodiscard]] std::uint64_t bytes_from(const std::string& text, const std::string& option);

}  // namespace attune::program
