#pragma once

#include <chrono>
#include <thread>

#include "attune/tune/tuner.hpp"

namespace attune {

// ---------------------------------------------------------------- the loop

/// Up to `count` trials for one call of the objective; none where the run is over (then its reason is set).
ATTUNE_BODY std::vector<Trial> Tuner::next_trials(int count) {
    std::unique_lock lock(mutex_);
    std::vector<Trial> trials;
    while (static_cast<int>(trials.size()) < count) {
        if (auto reason = reason_to_end()) {
            run_->reason = *std::move(reason);
            break;
        }
        run_->reason = "nothing is left to ask: the space is spent";
        // Others may store trials between the look at the limit and ours: it is looked at before every
        // attempt.
        auto trial = ask_locked({}, trials.empty() ? -1 : trials.front().number(), [this](bool resuming) {
            auto reached = run_->limit.reached({study_, run_->started_seconds, options_.clock(), resuming});
            if (!reached) return true;
            run_->reason = *std::move(reached);
            return false;
        });
        if (!trial && trials.empty() && others_are_uncertain()) {
            // A trial that a dead worker left must not stay behind: nobody might come to go on with it.
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::duration<double>(worker_->period_seconds() / 16));
            lock.lock();
            continue;
        }
        if (!trial) break;
        trials.push_back(std::move(*trial));
    }
    return trials;
}

/// Why no further trial of this run may be gone on with, whatever is left to ask.
ATTUNE_BODY std::optional<std::string> Tuner::reason_to_end() const {
    if (run_->failure) return run_->failure;
    if (run_->cancelled) return "it was cancelled";
    if (run_->out_of_time)
        return fmt::format("the time limit of {:.0f} s was reached", run_->duration->count());
    return std::nullopt;
}

/// Calls the objective for one trial and records what came of it.
ATTUNE_BODY void Tuner::settle(Trial& trial, const std::function<void()>& call) {
    try {
        call();
        if (trial.tuner_ == nullptr) return;  // the objective told it itself
        if (left_off(trial)) return give_back(trial);
        trial.tell(Metrics{});
    } catch (const StorageError&) {
        throw;
    } catch (const RunFailure& failure) {
        const std::lock_guard lock(mutex_);
        if (trial.tuner_ != nullptr && !study_.trial(trial.number()).finished()) give_back(trial);
        // Other slots may ask before the executor sees the exception: the run is over for them from here on.
        if (!run_->failure) must_commit(event::Ended{*(run_->failure = failure.what())});
        throw;
    } catch (const TrialFailure& failure) {
        settle_failed(trial, failure.what(), failure.kind());
    } catch (const std::bad_alloc&) {
        settle_failed(trial, "out of memory", FailureKind::configuration);
    } catch (const std::exception& error) {
        settle_failed(trial, error.what(), FailureKind::configuration);
    } catch (...) {
        settle_failed(trial, "an exception of unknown type", FailureKind::configuration);
    }
}

ATTUNE_BODY void Tuner::settle_failed(Trial& trial, const std::string& reason, FailureKind kind) {
    if (trial.tuner_ == nullptr) return;
    const std::lock_guard lock(mutex_);
    // What is cut off since time is up has not failed: a later run goes on with it.
    const bool cut_off = kind == FailureKind::environment && run_->is_out_of_time(options_.clock());
    if (study_.trial(trial.number()).finished())
        trial.tuner_ = nullptr;  // another process was quicker: its result stands
    else
        run_->cancelled || cut_off ? give_back(trial) : trial.fail(reason, kind);
}

/// Whether the trial heard that the host cancels the run, so that what it came to is not its whole result.
ATTUNE_BODY bool Tuner::left_off(const Trial& trial) const {
    return run_->cancelled && (trial.answer_ == Decision::stop || trial.saw_stop_);
}

ATTUNE_BODY void Tuner::give_back(Trial& trial) {
    interrupt(trial.number());
    trial.tuner_ = nullptr;
}

/// Rounds of trials until the run is over; `evaluate_all` gives each round its results.
ATTUNE_BODY Outcome Tuner::run_rounds(const Limit& limit,
                                      std::optional<std::chrono::duration<double>> duration, bool grouped,
                                      const std::function<void(std::vector<Trial>&)>& evaluate_all,
                                      const std::stop_token& cancel) {
    Run run{limit, options_.clock(), duration, {}, {}, {}, {}, {}};
    {
        const std::lock_guard lock(mutex_);
        if (run_ != nullptr) throw InvalidState("tuner: run() is called while a run is under way");
        run_ = &run;
    }
    struct Leave {
        Tuner& tuner;
        ~Leave() {
            const std::lock_guard lock(tuner.mutex_);
            tuner.run_ = nullptr;
        }
    };
    {
        const Leave leave{*this};
        const std::stop_callback on_cancel(cancel, [&] {
            run.cancelled = true;
            run.stop.request_stop();
        });
        // A hung trial sends no report, so the deadline must reach it from outside. Simulated clocks have no
        // such thread.
        std::jthread deadline;
        if (duration && in_real_time())
            deadline = std::jthread([&, wait = *duration](const std::stop_token& over) {
                std::mutex mutex;
                std::condition_variable_any signal;
                std::unique_lock lock(mutex);
                constexpr std::chrono::duration<double> longest = std::chrono::years(10);
                signal.wait_for(lock, over, std::min(wait, longest), [] { return false; });
                if (over.stop_requested()) return;
                run.out_of_time = true;
                run.stop.request_stop();
            });
        executor_.run([&] {
            std::vector<Trial> trials = next_trials(grouped ? options_.group_size : 1);
            if (trials.empty()) return false;
            evaluate_all(trials);
            return true;
        });
        const std::lock_guard lock(mutex_);
        must_commit(event::Ended{run.reason});
    }
    return {study(), run.reason};
}

}  // namespace attune
