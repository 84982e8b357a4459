#include "attune/execute/script.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "attune/error.hpp"
#include "attune/tune/tuner.hpp"

namespace attune {
namespace {

std::string trial_name(const Trial& trial) { return "trial-" + std::to_string(trial.number()); }

/// What the program printed that is in no report: those are told, since the reports speak for the rest.
Metrics beside_the_reports(const CommandResult& result, const std::string& step_metric) {
    Metrics out;
    for (const auto& [name, value] : result.last_values) {
        const auto has = [&name = name](const MetricReport& report) {
            return report.value(name).has_value();
        };
        if (name != step_metric && std::none_of(result.reports.begin(), result.reports.end(), has))
            out.emplace(name, value);
    }
    return out;
}

/// The reason in one line: that of a shell that found no program is followed by its output.
std::string no_program(const std::string& reason) {
    constexpr std::string_view command = "\n  command: ";
    const auto at = reason.find(command);
    if (at == std::string::npos) return reason;
    return "the command's program cannot be run: " + reason.substr(0, reason.find('\n')) +
           " (command: " + reason.substr(at + command.size()) + ")";
}

void note(Trial& trial, const CommandResult& result) {
    if (result.attempts > 1) trial.set_attribute("attempts", std::to_string(result.attempts));
    std::string problems;
    for (const std::string& problem : result.problems) problems += (problems.empty() ? "" : "\n") + problem;
    if (!problems.empty()) trial.set_attribute("problems", problems);
}

}  // namespace

ScriptObjective::ScriptObjective(ScriptOptions options)
    : command_(std::make_shared<const Command>(std::move(options.command))),
      log_folder_(std::move(options.log_folder)),
      checkpoint_folder_(std::move(options.checkpoint_folder)) {}

Metrics ScriptObjective::operator()(Trial& trial) const {
    CommandContext context;
    context.trial = trial.number();
    context.seed = trial.random()() >> 33;  // 31 bits, which every language can hold
    if (!checkpoint_folder_.empty() && !trial.checkpoint())
        trial.set_checkpoint(checkpoint_folder_ / trial_name(trial));
    context.checkpoint_directory = trial.checkpoint().value_or("");
    context.until = trial.until();
    context.reported_step = trial.reported_step();
    if (!log_folder_.empty()) {
        std::error_code code;
        std::filesystem::create_directories(log_folder_, code);
        if (code) throw FileError(log_folder_.string() + ": cannot be made: " + code.message());
        context.log_file = log_folder_ / (trial_name(trial) + ".log");
    }
    CommandCallbacks callbacks;
    callbacks.on_report = [&trial](const MetricReport& report) {
        const Decision decision = trial.report(static_cast<double>(report.step),
                                               Metrics(report.values.begin(), report.values.end()));
        return decision == Decision::proceed ? CommandAnswer::proceed : CommandAnswer::stop;
    };
    const CommandResult result =
        command_->run(trial.configuration().values(), context, callbacks, trial.stop_token());
    note(trial, result);
    if (!result.cannot_start) *has_started_ = true;
    if (result.cannot_start && !*has_started_) throw RunFailure(no_program(result.reason));
    if (result.end == CommandEnd::cancelled)
        throw TrialFailure(FailureKind::environment, "was cut off: the run is over");
    if (result.end == CommandEnd::failed)
        throw TrialFailure(
            result.fault == CommandFault::environment ? FailureKind::environment : FailureKind::configuration,
            result.reason);
    return beside_the_reports(result, command_->options().collector.step_metric);
}

}  // namespace attune
