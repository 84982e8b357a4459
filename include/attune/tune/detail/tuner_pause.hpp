#pragma once

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "attune/tune/detail/checkpoint_quota.hpp"
#include "attune/tune/tuner.hpp"

namespace attune {

// ---------------------------------------------------------------- pausing and going on

namespace detail {

/// The end of a trial that was cut off and cannot be gone on with, since the space has changed.
inline event::Finished outside_the_space(const TrialRecord& trial) {
    return {trial.number,
            TrialState::failed,
            {},
            FailureKind::environment,
            "was cut off, and the space that was changed since does not contain it: " + trial.asked().text(),
            std::nullopt,
            std::nullopt,
            std::nullopt,
            trial.claim};
}

}  // namespace detail

ATTUNE_BODY std::optional<Trial> Tuner::take_interrupted() {
    while (study_.count(TrialState::interrupted) > 0) {
        check_space();
        const std::int64_t number =
            *std::find_if(study_.unfinished().begin(), study_.unfinished().end(),
                          [&](std::int64_t n) { return study_.trial(n).state == TrialState::interrupted; });
        if (!study_.space().contains(study_.trial(number).configuration)) {
            (void)commit(EventBody(detail::outside_the_space(study_.trial(number))));
            continue;
        }
        const std::uint64_t worker = worker_->number(study_.latest_worker() + 1);
        const bool from_start = study_.trial(number).checkpoint().empty();
        if (commit(EventBody(event::Resumed{number, from_start, worker, study_.trial(number).until})))
            return hand_out(number, true);
    }
    return std::nullopt;
}

ATTUNE_BODY const TrialRecord& Tuner::pause(std::int64_t number, const Told& told,
                                            const std::string& reason) {
    const std::lock_guard lock(mutex_);
    const TrialRecord& trial = unfinished(number);
    if (!trial.resumable)
        throw InvalidState(fmt::format(
            "trial {}: cannot be paused: its study's trials cannot be gone on with (the tuner's resumable)",
            number));
    if (trial.state != TrialState::paused || lost(number)) {
        event::Finished paused = ended(number, told);
        paused.state = TrialState::paused;
        paused.reason = reason;
        must_commit(std::move(paused));
    }
    held_.erase(number);
    keep_checkpoint_quota();
    return study_.trial(number);
}

/// Goes on with a paused trial; nothing where others stored events first (then it is to be chosen anew), or
/// where the space no longer contains it: that ends it, with its reports as evidence.
ATTUNE_BODY std::optional<Trial> Tuner::resume(event::Resumed resumed) {
    const TrialRecord& trial = study_.trial(resumed.trial);
    if (trial.state != TrialState::paused)
        throw InvalidState(fmt::format("trial {}: cannot be gone on with: it is {}, not paused", trial.number,
                                       to_string(trial.state)));
    if (!study_.space().contains(trial.configuration)) {
        event::Finished over = detail::outside_the_space(trial);
        over.state = TrialState::stopped;
        over.failure.reset();
        (void)commit(EventBody(std::move(over)));
        return std::nullopt;
    }
    resumed.worker = worker_->number(study_.latest_worker() + 1);
    resumed.from_start = trial.attributes.contains("checkpoint_evicted");
    const std::int64_t number = resumed.trial;
    if (!commit(EventBody(std::move(resumed)))) return std::nullopt;
    return hand_out(number, true);
}

ATTUNE_BODY Trial Tuner::go_on_with(std::int64_t number, std::optional<double> until) {
    const std::lock_guard lock(mutex_);
    refresh();
    for (;;) {
        check_space();
        if (const TrialRecord& trial = study_.trial(number); !study_.space().contains(trial.configuration))
            throw InvalidState(fmt::format(
                "trial {}: cannot be gone on with: the space that was changed since does not contain {}",
                number, trial.asked().text()));
        event::Resumed resumed;
        resumed.trial = number;
        resumed.until = until;
        resumed.reason = "the host goes on with it";
        if (auto trial = resume(std::move(resumed))) return *std::move(trial);
    }
}

// ---------------------------------------------------------------- checkpoints

/// Takes away what is least worth keeping; false where others stored events meanwhile. The event comes first:
/// a worker that goes on with the trial then begins anew, whatever it finds in the folder.
ATTUNE_BODY bool Tuner::keep_checkpoint_quota_once() {
    const std::filesystem::path top = std::filesystem::absolute(options_.checkpoint_folder);
    for (const std::int64_t number :
         choose_evictions(study_, detail::checkpoint_sizes(study_, top), options_.checkpoint_quota_bytes)) {
        if (!commit(EventBody(event::Attribute{number, "checkpoint_evicted", "for want of room"})))
            return false;
        const std::filesystem::path place = study_.trial(number).checkpoint();
        std::filesystem::path aside = place;
        aside += ".evicted";
        std::error_code failed;
        std::filesystem::rename(place, aside, failed);
        std::filesystem::remove_all(failed ? place : aside, failed);
    }
    return true;
}

ATTUNE_BODY void Tuner::keep_checkpoint_quota() {
    if (options_.checkpoint_quota_bytes == 0 || options_.checkpoint_folder.empty()) return;
    while (!keep_checkpoint_quota_once()) {
    }
}

}  // namespace attune
