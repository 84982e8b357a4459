#include "trial_lines.hpp"

#include <fmt/format.h>

#include <variant>

#include "attune/study/study.hpp"
#include "text.hpp"

namespace attune::program {
namespace {

std::string line_of(const Study& study, const TrialRecord& trial) {
    std::string line = fmt::format("trial {} {}", trial.number, to_string(trial.state));
    const bool early = trial.state == TrialState::stopped || trial.state == TrialState::paused;
    if (early && !trial.reports.empty()) line += " at step " + short_number(trial.reports.back().step);
    if (trial.state != TrialState::failed) {
        line += ":";
        for (std::size_t i = 0; i < study.objectives().size(); ++i)
            line += fmt::format(" {}={}", study.objectives()[i].metric, short_number(study.value(trial, i)));
    }
    for (const OutcomeConstraint& broken : study.broken_constraints(trial))
        line += fmt::format(" {}={} (breaks {})", broken.metric, short_number(trial.metric(broken.metric)),
                            broken.text());
    line += " in " + duration_text(trial.duration_seconds());
    if (study.objectives().size() == 1 && study.best() == &trial) line += ", best so far";
    if (trial.failure == FailureKind::environment) line += ", not the configuration's fault and not counted";
    if (!trial.reason.empty()) line += ": " + first_line(trial.reason);
    return line + "; " + values_text(trial.asked().values());
}

/// Of the first trial that has any: in the others they are mostly the same.
std::string problems_of(const TrialRecord& trial) {
    const auto found = trial.attributes.find("problems");
    return found == trial.attributes.end() ? ""
                                           : "the output of trial " + std::to_string(trial.number) +
                                                 " was not read whole: " + found->second;
}

}  // namespace

Observer trial_lines(std::ostream& stream, const TrialLinesOptions& options) {
    return {[&stream, options, told = false](const Study& study, const Event& event) mutable {
        const auto* finished = std::get_if<event::Finished>(&event.body);
        if (finished == nullptr || event.time_seconds < options.since_seconds) return;
        const TrialRecord& trial = study.trial(finished->trial);
        if (const std::string problems = told ? "" : problems_of(trial); !problems.empty()) {
            stream << (options.over_live_line ? "\r\x1b[K" : "") << problems << '\n' << std::flush;
            told = true;
        }
        if (options.failures_only && trial.state != TrialState::failed) return;
        stream << (options.over_live_line ? "\r\x1b[K" : "") << line_of(study, trial) << '\n' << std::flush;
    }};
}

}  // namespace attune::program
