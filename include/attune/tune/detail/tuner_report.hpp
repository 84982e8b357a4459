#pragma once

#include <cmath>
#include <utility>

#include "attune/tune/tuner.hpp"

namespace attune {

// ---------------------------------------------------------------- report and tell

ATTUNE_BODY Verdict Tuner::report(std::int64_t number, double step, const Metrics& metrics) {
    const std::lock_guard lock(mutex_);
    worker_->beat();
    (void)unfinished(number);
    if (std::isnan(step))
        throw InvalidState(fmt::format("trial {}: step of a report is NaN; it must be a number", number));
    const auto claim = claim_on(number);
    if (!lost(number)) must_commit(event::Reported{number, step, metrics, claim});
    if (lost(number)) return {Decision::stop, "another worker has gone on with the trial"};
    if (run_ != nullptr && run_->cancelled)
        return {Decision::stop, "the run was cancelled"};  // not a judgement: nothing is recorded
    const TrialRecord& trial = study_.trial(number);
    if (trial.finished()) return {Decision::stop, "the trial was ended by another process"};
    if (trial.state == TrialState::paused) return {Decision::pause, trial.reason};
    Verdict verdict = run_ != nullptr && run_->is_out_of_time(options_.clock())
                          ? Verdict{Decision::stop, "the time limit of the run was reached"}
                      : trial.role == finalist_role ? Verdict{}
                                                    : policy_.decide(study_, trial);
    if (verdict.decision == Decision::proceed && trial.until && step >= *trial.until)
        verdict = {Decision::pause, fmt::format("has come to step {}, as far as it was to go", *trial.until)};
    if (verdict.decision == Decision::pause && !trial.resumable) verdict = {};
    if (verdict.decision != Decision::proceed)
        must_commit(event::Decided{number, step, verdict.decision, verdict.reason, claim, verdict.numbers});
    return verdict;
}

ATTUNE_BODY event::Finished Tuner::ended(std::int64_t number, const Told& told) const {
    event::Finished finished{number,    TrialState::completed, told.metrics, std::nullopt,    "",
                             told.cost, told.duration_seconds, std::nullopt, claim_on(number)};
    if (told.configuration)
        finished.configuration =
            study_.space_of(study_.trial(number)).configuration(*told.configuration).values();
    return finished;
}

ATTUNE_BODY const TrialRecord& Tuner::tell(std::int64_t number, const Told& told) {
    const std::lock_guard lock(mutex_);
    const TrialRecord& trial = unfinished(number);
    if (trial.decision == Decision::pause && !lost(number)) return pause(number, told);
    event::Finished finished = ended(number, told);
    if (trial.decision == Decision::stop) finished.state = TrialState::stopped;
    const Metrics final = study_.final_metrics(trial, told.metrics);
    const auto need = [&](const std::string& metric, std::string_view what) {
        const auto value = final.find(metric);
        if (value != final.end() && !std::isnan(value->second)) return;
        finished.state = TrialState::failed;
        finished.failure = FailureKind::configuration;
        finished.reason = fmt::format("the {} {} {}", what, metric,
                                      value == final.end() ? "was neither told nor reported" : "is NaN");
    };
    // A trial that was stopped early may not have come to what is measured at the end.
    if (finished.state != TrialState::stopped)
        for (const OutcomeConstraint& constraint : study_.outcome_constraints())
            need(constraint.metric, "constrained metric");
    for (const Objective& objective : study_.objectives()) need(objective.metric, "objective");
    must_commit(std::move(finished));
    held_.erase(number);
    return study_.trial(number);
}

ATTUNE_BODY void Tuner::fail(std::int64_t number, const std::string& reason, FailureKind kind,
                             std::optional<double> cost) {
    const std::lock_guard lock(mutex_);
    (void)unfinished(number);
    must_commit(event::Finished{
        number, TrialState::failed, {}, kind, reason, cost, std::nullopt, std::nullopt, claim_on(number)});
    held_.erase(number);
}

ATTUNE_BODY void Tuner::interrupt(std::int64_t number) {
    const std::lock_guard lock(mutex_);
    const auto claim = claim_on(number);
    const TrialRecord& trial = study_.trial(number);
    // Not in hand here any more, such as one that was told after it was lost: another worker may run it.
    if (!claim && !trial.finished() && trial.worker != 0) return;
    const bool paused = trial.state == TrialState::paused || trial.decision == Decision::pause;
    if (!lost(number) && !trial.finished() && paused) {
        (void)pause(number, {});
        return;
    }
    if (!lost(number) && unfinished(number).state != TrialState::interrupted) try {
            must_commit(event::Interrupted{number, claim});
        } catch (const StorageError&) {
            abandoned_[number] = study_.trial(number).claim;
            held_.erase(number);
            throw;
        }
    held_.erase(number);
}

ATTUNE_BODY void Tuner::set_attribute(std::int64_t trial, const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    if (trial >= 0) (void)study_.trial(trial);
    must_commit(event::Attribute{trial, key, value});
}

}  // namespace attune
