#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "attune/compiled.hpp"
#include "attune/execute/executor.hpp"
#include "attune/execute/inline.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/storage/memory.hpp"
#include "attune/storage/storage.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/limits.hpp"
#include "attune/study/study.hpp"
#include "attune/tune/detail/worker.hpp"
#include "attune/tune/options.hpp"
#include "attune/tune/outcome.hpp"
#include "attune/tune/trial.hpp"

namespace attune {

/// What `tell` may say beside the metrics.
struct Told {
    Metrics metrics{};
    std::optional<double> cost{};
    std::optional<double> duration_seconds{};      ///< where the runner knows better than the events' times
    std::optional<event::Values> configuration{};  ///< the values really used, where others than asked for
};

/// The wiring: a space, objectives, a strategy, a stopping policy, an executor and a storage, in any order
/// after the first two.
///
///     Tuner tuner{space, maximize("accuracy"), GaussianProcess{}, MedianRule{}, Threads{2},
///     Journal{"study.attune"}};
///
/// Left out: random search, no early stopping, inline, memory. Bounds that results must keep are parts too,
/// as many as there are: `at_most("latency_ms", 20)`, or a vector of them. A storage that holds a study
/// already is gone on with: its space, objectives and outcome constraints must be the same (InvalidState
/// lists the differences), unless the options say that the space may change. `run` is a convenience over
/// `ask`, `report` and `tell`, which a host may call itself.
///
/// Several tuners, in as many processes and on as many machines as can reach the storage, may work on one
/// study. Each is a worker that gives heartbeats beside the events. A trial whose worker is gone becomes
/// interrupted and is gone on with by whoever asks next: at once where the worker's process is known to have
/// ended on this machine, otherwise when its heartbeats stood still for one and a half periods. Should the
/// worker come back, its reports are answered with stop, and its result is kept as evidence that counts
/// nowhere (TrialRecord::late). A run does not end while it is uncertain whether the worker of another trial
/// is alive, which is at most that time.
///
/// Trials pause where TunerOptions::resumable says that they can: when the policy answers a report so, or
/// when they have come to the step that their suggestion named (Trial::until). Whoever runs the trial then
/// leaves a checkpoint (a place of its own: Trial::checkpoint) and ends it as it would otherwise; it becomes
/// paused. The policy or the strategy decides which paused trial is gone on with and until when: ask() then
/// hands it out again, with `resumed()` true. Its next report takes the place of earlier ones of that step
/// and beyond, so one that has lost its checkpoint may begin anew. Limits on the number of trials keep none
/// from being gone on with.
///
/// Thread safety: all members may be called from several threads, but run() from one at a time. Not movable,
/// since trials refer to it.
class Tuner {
  public:
    template <class... Parts>
    Tuner(SearchSpace space, Objective objective, Parts&&... parts)
        : Tuner(std::move(space), std::vector<Objective>{std::move(objective)},
                std::forward<Parts>(parts)...) {}

    template <class... Parts>
    Tuner(SearchSpace space, const std::vector<Objective>& objectives, Parts&&... parts) {
        (take(std::forward<Parts>(parts)), ...);
        open(std::move(space), objectives);
    }

    Tuner(const Tuner&) = delete;
    Tuner& operator=(const Tuner&) = delete;

    /// The next trial, or nothing where the space is spent. Interrupted trials come first, then enqueued
    /// configurations, then the strategy's. `fixed` holds values that this trial must have.
    [[nodiscard]] std::optional<Trial> ask(const event::Values& fixed = {}) {
        const std::lock_guard lock(mutex_);
        return ask_locked(fixed, -1, {});
    }

    /// Goes on with a paused trial, until a step or to its end, whatever the strategy thinks. Throws
    /// InvalidState where the trial is not paused, or where the space has changed and does not contain it.
    [[nodiscard]] Trial go_on_with(std::int64_t trial, std::optional<double> until = std::nullopt);

    /// By number: see Trial::report. Throws InvalidState where the trial is unknown or over.
    Verdict report(std::int64_t trial, double step, const Metrics& metrics);

    /// Ends a trial. It is `stopped` where the answer to a report was stop, and `paused` where it was pause;
    /// it failed where an objective is missing or NaN, or, unless it was stopped, the metric of an outcome
    /// constraint; otherwise it is completed. Throws InvalidState where it is over already.
    const TrialRecord& tell(std::int64_t trial, const Told& told);

    /// Ends a trial as failed.
    void fail(std::int64_t trial, const std::string& reason, FailureKind kind = FailureKind::configuration,
              std::optional<double> cost = std::nullopt);

    /// Leaves a trial where it stands. Throws InvalidState where it cannot be gone on with
    /// (TunerOptions::resumable) or is over.
    const TrialRecord& pause(std::int64_t trial, const Told& told, const std::string& reason = {});

    /// Gives a trial back unfinished: the next ask goes on with it.
    void interrupt(std::int64_t trial);

    /// Puts a configuration at the end of the queue that asks take from first. Throws InvalidConfiguration.
    void enqueue(const event::Values& configuration);

    /// From now on trials are asked for in `space`; earlier ones stay evidence (see Study). For parameters
    /// that they lack they are taken to have had the values of `old_trials`, which must name each of them and
    /// may lie outside the range; stated again, they hold from then on.
    ///
    /// Trials under way go on. Interrupted ones that the space no longer contains are not gone on with: they
    /// end as failures of the environment, which count nowhere. Other workers may tell what they have in
    /// hand, but their next ask throws InvalidState with the differences, because their objectives were
    /// written for another space: they are to be opened anew. Throws InvalidSpace, naming the parameter;
    /// nothing is stored then.
    void change_space(const SearchSpace& space, const event::Values& old_trials = {});

    /// Says that this worker is alive. Called by a thread of the tuner; programs need it only where the clock
    /// is simulated, which has no such thread.
    void heartbeat();

    /// Keeps a note with a trial, or with the study where `trial` is -1.
    void set_attribute(std::int64_t trial, const std::string& key, const std::string& value);

    /// Evaluates trials until a limit is reached, nothing is left to ask or the host cancels, and gives the
    /// outcome.
    ///
    /// `objective(Trial&)` returns a double (the first objective), Metrics, or nothing (its reports count);
    /// with `objective(std::span<Trial>)` it takes group_size trials at once. What it throws fails the trial,
    /// not the run, except RunFailure, which ends the run and is let out. When max_duration is over, running
    /// trials get `stop` as the answer to their next report and their stop token is set. Cancelled trials
    /// become interrupted; so do those that then throw TrialFailure of the environment's kind.
    template <class Objective_>
    Outcome run(const Limits& limits, Objective_&& objective, const std::stop_token& cancel = {}) {
        return run(limits.any(), limits.max_duration, std::forward<Objective_>(objective), cancel);
    }
    template <class Objective_>
    Outcome run(const Limit& limit, Objective_&& objective, const std::stop_token& cancel = {}) {
        return run(limit || failures_in_a_row(Limits{}.max_failures_in_a_row), std::nullopt,
                   std::forward<Objective_>(objective), cancel);
    }

    /// The study as it stands, a copy.
    [[nodiscard]] Study study() const {
        const std::lock_guard lock(mutex_);
        return study_;
    }
    /// Calls `read(const Study&)` under the lock and gives what it gives: for a look without a copy.
    template <class Read>
    auto with_study(Read&& read) const {
        const std::lock_guard lock(mutex_);
        return read(study_);
    }
    [[nodiscard]] std::string location() const { return storage_->location(); }

  private:
    /// The state of one call of run().
    struct Run {
        const Limit& limit;
        double started_seconds;
        std::optional<std::chrono::duration<double>> duration;
        std::stop_source stop;                 // cancels the trials
        std::atomic<bool> cancelled{false};    // by the host
        std::atomic<bool> out_of_time{false};  // by max_duration
        std::string reason;                    // set under the lock
        std::optional<std::string> failure;    // of what no trial could escape; set under the lock

        [[nodiscard]] bool is_out_of_time(double now_seconds) const {
            return out_of_time || (duration && now_seconds - started_seconds >= duration->count());
        }
    };

    template <class Part>
    void take(Part&& part);
    void open(SearchSpace space, const std::vector<Objective>& objectives);
    void check_same(const std::vector<Objective>& objectives) const;
    void check_space();
    [[nodiscard]] bool in_real_time() const;
    void take_place_among_workers();
    void interrupt_dead();
    [[nodiscard]] bool others_are_uncertain();
    [[nodiscard]] std::optional<std::uint32_t> claim_on(std::int64_t trial) const;
    [[nodiscard]] bool lost(std::int64_t trial) const;
    void refresh();
    bool commit(std::vector<EventBody> bodies);
    bool commit(EventBody body);
    void must_commit(EventBody body);
    bool store(std::span<Event> events);
    const TrialRecord& unfinished(std::int64_t trial) const;

    /// Whether the run's limit lets a trial be begun (false) or gone on with (true).
    using MayAsk = std::function<bool(bool resuming)>;

    std::optional<Trial> ask_locked(const event::Values& fixed, std::int64_t group, const MayAsk& may_ask);
    std::optional<Trial> resume(event::Resumed resumed);
    bool keep_checkpoint_quota_once();
    void keep_checkpoint_quota();
    [[nodiscard]] event::Attribute checkpoint_of(std::int64_t number) const;
    [[nodiscard]] bool acceptable(const SuggestionRequest& request, const Suggestion& suggestion,
                                  const event::Values& values) const;
    std::optional<Trial> take_interrupted();
    std::optional<Suggestion> propose(const SuggestionRequest& request,
                                      std::optional<std::uint64_t>& enqueued);
    std::optional<Suggestion> replicate(const SuggestionRequest& request) const;
    [[nodiscard]] std::vector<double> natives(const event::Values& fixed) const;
    Trial hand_out(std::int64_t number, bool resumed);
    [[nodiscard]] event::Finished ended(std::int64_t number, const Told& told) const;
    std::vector<Trial> next_trials(int count);
    [[nodiscard]] std::optional<std::string> reason_to_end() const;

    template <class Objective_>
    Outcome run(const Limit& limit, std::optional<std::chrono::duration<double>> duration,
                Objective_&& objective, const std::stop_token& cancel);
    template <class Objective_>
    void evaluate(std::vector<Trial>& trials, Objective_& objective);
    Outcome run_rounds(const Limit& limit, std::optional<std::chrono::duration<double>> duration,
                       bool grouped, const std::function<void(std::vector<Trial>&)>& evaluate_all,
                       const std::stop_token& cancel);
    void settle(Trial& trial, const std::function<void()>& call);
    void settle_failed(Trial& trial, const std::string& reason, FailureKind kind);
    [[nodiscard]] bool left_off(const Trial& trial) const;
    void give_back(Trial& trial);

    mutable std::recursive_mutex
        mutex_;  // an objective on this thread may ask and tell while it is inside run()
    TunerOptions options_;
    AnyStrategy strategy_{RandomSearch{}};
    AnyStoppingPolicy policy_{NeverStop{}};
    AnyExecutor executor_{Inline{}};
    std::optional<AnyStorage> storage_;
    std::vector<Observer> observers_;
    std::vector<OutcomeConstraint> outcome_constraints_;  ///< that this tuner was given
    Study study_;
    SearchSpace space_;                ///< the one that this tuner was opened with or has changed to
    std::uint32_t known_version_ = 0;  ///< of the study's space, found to be the same
    std::map<std::int64_t, std::uint32_t> held_;  ///< trials in the hands of this tuner, with their claims
    std::map<std::int64_t, std::uint32_t> abandoned_;  ///< that could not be given back: to be tried again
    bool opened_ = false;
    Run* run_ = nullptr;
    std::unique_ptr<detail::Worker> worker_;  ///< last: its thread looks at the members above
};

}  // namespace attune

#include "attune/tune/detail/tuner_templates.hpp"

#ifndef ATTUNE_COMPILED
#include "attune/tune/detail/trial_impl.hpp"
#include "attune/tune/detail/tuner_impl.hpp"
#include "attune/tune/detail/tuner_pause.hpp"
#include "attune/tune/detail/tuner_report.hpp"
#include "attune/tune/detail/tuner_run.hpp"
#endif
