#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/execute/process.hpp"
#include "attune/metrics/line_splitter.hpp"
#include "attune/metrics/metric_collector.hpp"
#include "attune/metrics/metric_extractor.hpp"
#include "attune/space/value.hpp"

namespace attune {

/// Splits a command line into arguments as a POSIX shell does with quotes and backslashes, and with nothing
/// else: no variables, globs, pipes or redirections (for those, name a shell: `sh -c '...'`). Throws
/// InvalidOption for an open quote or an empty line.
[[nodiscard]] std::vector<std::string> split_command_line(std::string_view line);

/// How hyperparameters are appended to the command.
enum class ArgumentStyle {
    automatic,  ///< `separate` if the command has no placeholder of a hyperparameter nor `{json}`, else
                ///< `none`
    none,       ///< not at all
    separate,   ///< `--name value`
    equals,     ///< `--name=value`
    plain,      ///< `name=value`, as Hydra and make read them
};

/// How often, and after what pause, a command is tried again whose failure was not its configuration's fault.
struct RetryOptions {
    int max_attempts = 3;            ///< 1 or more
    double first_delay_seconds = 1;  ///< before the second attempt
    double factor = 2;               ///< by which the delay grows, 1 or more
    double max_delay_seconds = 60;
    double jitter = 0.5;  ///< share of the delay, 0 to 1, that is drawn at random so that workers spread out

    /// Throws InvalidOption.
    void validate() const;
};

/// Words of the reason why a program that ended well has failed as a trial: an objective or a required metric
/// is missing.
inline constexpr std::string_view never_gave = "its output never gave";

struct CommandOptions {
    /// The program and its arguments. `{name}` stands for a hyperparameter's value, or for one of `{trial}`,
    /// `{attempt}`, `{seed}`,
    /// `{checkpoint_dir}`, `{json}` (path of a file with all hyperparameters; a hyperparameter of the same
    /// name wins); `{{name}}` is the text
    /// `{name}`, and any other brace is itself.
    std::vector<std::string> command{};
    ArgumentStyle arguments = ArgumentStyle::automatic;
    /// All names that the space knows. Where given, a placeholder of another name is refused by the
    /// constructor, and one whose parameter is inactive takes its argument away, along with the option before
    /// it (`--momentum {momentum}` vanishes). Where empty, every placeholder must have a value.
    std::vector<std::string> parameters{};
    std::string true_text = "true";  ///< how booleans are written in arguments and the environment
    std::string false_text = "false";
    /// Where given, each hyperparameter is in the environment too, as this prefix and its name in capitals,
    /// other characters as `_`: with `ATTUNE_`, `lr` is `ATTUNE_LR`. Always set: ATTUNE_TRIAL,
    /// ATTUNE_ATTEMPT, ATTUNE_SEED, and ATTUNE_CHECKPOINT (also called ATTUNE_CHECKPOINT_DIR) where there
    /// is one; ATTUNE_UNTIL, the step at which it will be asked to pause, where there is one; and
    /// ATTUNE_REPORTED_STEP, the last step that was reported before, for one that is gone on with.
    std::optional<std::string> environment_prefix{};
    std::vector<std::pair<std::string, std::string>> environment{};  ///< more of it
    /// Write the JSON file even without `{json}`; its path is in ATTUNE_CONFIG.
    bool json_file = false;
    /// PYTHONUNBUFFERED=1, unless it is set: Python otherwise holds its output back when it does not go to a
    /// terminal. C programs that do so can be started by `stdbuf -oL`.
    bool unbuffered_python = true;
    std::filesystem::path working_directory{};

    AnyMetricExtractor extractor{};      ///< each attempt uses a fresh copy
    MetricCollectorOptions collector{};  ///< the objectives, and what counts as a step
    /// Metrics that a program must give besides, once at least, such as those of outcome constraints: one
    /// that ends well without has failed.
    std::vector<std::string> required{};
    LineSplitterOptions lines{};

    std::chrono::duration<double> time_limit{0};     ///< of each attempt; 0 is none
    std::chrono::duration<double> silence_limit{0};  ///< of each attempt; 0 is none
    std::chrono::duration<double> grace{10};
    bool end_with_host = true;

    RetryOptions retry{};
    /// Exit codes that are the environment's fault: EX_TEMPFAIL, a shell's "killed by signal 9" and "by
    /// signal 15".
    std::vector<int> environment_exit_codes = {75, 137, 143};
    /// Signals, not sent by us, that are the environment's fault: SIGHUP, SIGINT, SIGKILL, SIGTERM.
    std::vector<int> environment_signals = {1, 2, 9, 15};

    /// Pauses between attempts, ending early when the token asks for it; by default it sleeps.
    std::function<void(std::chrono::duration<double>, const std::stop_token&)> sleep{};

    /// Throws InvalidOption.
    void validate() const;
};

/// Facts of one evaluation that are no hyperparameters.
struct CommandContext {
    std::int64_t trial = 0;
    std::uint64_t seed = 0;                        ///< for the program, and for the jitter of pauses
    std::filesystem::path checkpoint_directory{};  ///< made if it is missing; none where empty
    std::filesystem::path log_file{};              ///< gets the output of all attempts; none where empty
    std::optional<double> until{};                 ///< the step at which it is to pause
    std::optional<double> reported_step{};  ///< the last one that was reported before it was gone on with
};

/// The answer to a report.
enum class CommandAnswer { proceed, stop };

/// How an evaluation ended.
enum class CommandEnd {
    completed,  ///< exit code 0, and the objectives were reported
    stopped,    ///< by the answer to a report
    cancelled,  ///< by the stop token
    failed,     ///< see `fault` and `reason`
};

/// Whose fault a failure was.
///
/// The configuration's: other exit codes, crashes (SIGSEGV, SIGABRT ...), time and silence limits, no
/// objective in the output. The environment's: a program that cannot be started (also a shell's 126 and 127;
/// another attempt is made only where the cause may pass, such as a lack of memory), and the codes and
/// signals of the options. Signal 9 that was not sent from here is mostly the kernel's out-of-memory killer,
/// which may be due to either: it is tried again as the environment's, and if every attempt, of two or more,
/// ends so, it is the configuration's.
enum class CommandFault { none, configuration, environment };

/// A failed attempt.
struct AttemptFailure {
    int attempt = 1;
    CommandFault fault = CommandFault::configuration;
    bool transient = false;  ///< another attempt may help: not for a program that does not exist
    /// The first line says what happened, with the program's last line; then its last lines and the command.
    std::string reason{};
    bool cannot_start = false;  ///< there is no program that can be run
};

struct CommandCallbacks {
    /// Gets each report once it is complete; `stop` ends the process group. May be empty.
    std::function<CommandAnswer(const MetricReport&)> on_report{};
    /// Gets each line of output. May be empty.
    std::function<void(const LogLine&)> on_line{};
    /// Another attempt follows after `delay_seconds`. May be empty.
    std::function<void(const AttemptFailure&, double delay_seconds)> on_retry{};
};

struct CommandResult {
    CommandEnd end = CommandEnd::failed;
    CommandFault fault = CommandFault::none;
    std::string reason{};                 ///< of a failure; empty otherwise
    std::vector<MetricReport> reports{};  ///< all that were handed to `on_report`
    /// The last value of each metric, also of those that came after the last report.
    std::map<std::string, double> last_values{};
    std::vector<AttemptFailure> failures{};  ///< of all attempts
    std::vector<std::string> problems{};     ///< captures that were no numbers, lines cut, steps passed over
    bool cannot_start =
        false;  ///< the last attempt found no program that can be run (also a shell's 126, 127)
    int attempts = 0;
    double duration_seconds = 0;  ///< pauses between attempts included
    ProcessResult process{};      ///< of the last attempt that was started
};

/// Evaluates configurations by running a program and reading the metrics that it prints.
///
/// When an attempt is repeated, steps that were reported before are not handed over again, so that a caller
/// sees increasing steps; a program that goes on from its checkpoint must print its step (`step_metric`), for
/// counting starts at 1 again.
///
/// `run` is const and may be called from several threads at once.
class Command {
  public:
    /// Throws InvalidOption.
    explicit Command(CommandOptions options);

    /// Runs the program with these hyperparameters, in this order. Failures of the program are results, not
    /// exceptions. Throws InvalidOption (a placeholder without value, environment names that clash),
    /// FileError (the JSON file, folder or log), and what callbacks throw.
    [[nodiscard]] CommandResult run(const std::vector<std::pair<std::string, Value>>& values,
                                    const CommandContext& context = {},
                                    const CommandCallbacks& callbacks = {},
                                    const std::stop_token& cancel = {}) const;

    /// The arguments that `run` would use, for display and tests; `json_path` stands for `{json}`.
    [[nodiscard]] std::vector<std::string> arguments(const std::vector<std::pair<std::string, Value>>& values,
                                                     const CommandContext& context = {}, int attempt = 1,
                                                     const std::filesystem::path& json_path = {}) const;
    /// The environment that `run` would add.
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> environment(
        const std::vector<std::pair<std::string, Value>>& values, const CommandContext& context = {},
        int attempt = 1, const std::filesystem::path& json_path = {}) const;

    /// Parameters (of CommandOptions::parameters) that the program gets in no way: neither by a placeholder
    /// nor as an appended argument, in the environment or in a file.
    [[nodiscard]] std::vector<std::string> withheld_parameters() const;

    /// Looks for the program without running it, and for the script that it is told to run where it is a known
    /// interpreter, as in `python train.py`; passes where the name has a placeholder. Throws SpawnError.
    void check_program() const;

    [[nodiscard]] const CommandOptions& options() const noexcept { return options_; }

  private:
    CommandOptions options_;
    bool wants_json_ = false;
};

/// The pause before attempt `attempt` (2 or more): exponential, capped, and shortened by a jitter that
/// `seed`, `trial` and `attempt` determine. Seconds.
[[nodiscard]] double retry_delay_seconds(const RetryOptions& options, int attempt, std::int64_t trial,
                                         std::uint64_t seed);

}  // namespace attune
