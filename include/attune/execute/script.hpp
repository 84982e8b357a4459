#pragma once

#include <atomic>
#include <filesystem>
#include <memory>

#include "attune/execute/command.hpp"
#include "attune/study/objective.hpp"
#include "attune/tune/trial.hpp"

namespace attune {

struct ScriptOptions {
    CommandOptions command;
    /// Gets the output of each trial as `trial-<number>.log`; made where it is missing, none where empty.
    std::filesystem::path log_folder;
    /// Holds a checkpoint folder `trial-<number>` for each trial that has none from its tuner
    /// (TunerOptions::checkpoint_folder); none where empty.
    std::filesystem::path checkpoint_folder;
};

/// An objective for Tuner::run that runs a program: "script mode".
///
///     ScriptOptions script;
///     script.command.command = {"python", "train.py", "--lr", "{lr}"};
///     script.command.extractor = RegexMetrics({{"accuracy", "accuracy=([-+0-9.eE]+)"}});
///     script.command.collector.objectives = {"accuracy"};
///     tuner.run({.max_trials = 30}, ScriptObjective{script});
///
/// Reads the program's output while it runs, reports each step and ends the program where the answer is not
/// to proceed or the run is over. The trial's value is that of its reports; metrics that no report had (a
/// test score at the end) are told with it. The program gets the trial's checkpoint folder, and finds in it
/// what was left there where the trial is gone on with after its worker was killed. Attributes note retries
/// ("attempts") and output that could not be read ("problems"). Several trials may run at once.
class ScriptObjective {
  public:
    /// Throws InvalidOption.
    explicit ScriptObjective(ScriptOptions options);

    /// Throws TrialFailure for a program that failed, with whose fault it was, and for one that was cut off;
    /// InvalidOption and FileError as Command::run; RunFailure, which ends the run, for a program that does
    /// not exist or is not executable and has not worked in an earlier call.
    Metrics operator()(Trial& trial) const;

    [[nodiscard]] const Command& command() const noexcept { return *command_; }

  private:
    std::shared_ptr<const Command> command_;
    std::shared_ptr<std::atomic<bool>> has_started_ = std::make_shared<std::atomic<bool>>(false);
    std::filesystem::path log_folder_, checkpoint_folder_;
};

}  // namespace attune
