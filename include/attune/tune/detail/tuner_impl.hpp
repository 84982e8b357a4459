#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <variant>

#include "attune/tune/tuner.hpp"

namespace attune {

// ---------------------------------------------------------------- opening and storing

template <class Part>
void Tuner::take(Part&& part) {
    using P = std::remove_cvref_t<Part>;
    if constexpr (std::same_as<P, TunerOptions>)
        options_ = std::forward<Part>(part);
    else if constexpr (std::same_as<P, Observer>)
        observers_.push_back(std::forward<Part>(part));
    else if constexpr (Strategy<P>)
        strategy_ = AnyStrategy(std::forward<Part>(part));
    else if constexpr (StoppingPolicy<P>)
        policy_ = AnyStoppingPolicy(std::forward<Part>(part));
    else if constexpr (Storage<P>)
        storage_.emplace(std::forward<Part>(part));
    else if constexpr (Executor<P>)
        executor_ = AnyExecutor(std::forward<Part>(part));
    else
        static_assert(
            !sizeof(P),
            "a part of a Tuner is a Strategy (suggest), a StoppingPolicy (decide), a Storage (append, read), "
            "an Executor "
            "(run, slots), an Observer or TunerOptions; see the concept of the role for the exact members");
}

inline void Tuner::open(SearchSpace space, std::vector<Objective> objectives) {
    options_.validate();
    space.validate();
    if (!storage_) storage_.emplace(Memory{});
    refresh();
    if (!study_.is_created()) {
        event::Created created{options_.name,       options_.seed,        space,
                               objectives,          options_.final_value, options_.settings,
                               options_.environment};
        created.settings.emplace("strategy", strategy_.name());
        created.settings.emplace("stopping", policy_.name());
        // Where another process was quicker, its study is there now and is gone on with.
        (void)commit({std::move(created)});
    }
    check_same(space, objectives);
    std::vector<EventBody> interrupted;
    for (const TrialRecord& trial : study_.trials())
        if (trial.state == TrialState::running) interrupted.emplace_back(event::Interrupted{trial.number});
    if (!interrupted.empty()) must_commit(std::move(interrupted));
}

namespace detail {

/// As in "maximize accuracy, then minimize loss; minimize seconds".
inline std::string objectives_text(const std::vector<Objective>& objectives) {
    std::string text;
    for (const Objective& objective : objectives) {
        text += fmt::format("{}{} {}", text.empty() ? "" : "; ", to_string(objective.direction),
                            objective.metric);
        if (const auto& second = objective.tie_break)
            text += fmt::format(", then {} {}", to_string(second->direction), second->metric);
    }
    return text;
}

}  // namespace detail

inline void Tuner::check_same(const SearchSpace& space, const std::vector<Objective>& objectives) const {
    std::string text;
    for (const std::string& line : study_.space().differences(space)) text += "; " + line;
    if (study_.objectives() != objectives)
        text += fmt::format("; the objectives ({}, {})", detail::objectives_text(study_.objectives()),
                            detail::objectives_text(objectives));
    if (!text.empty())
        throw InvalidState(
            fmt::format("study at {}: holds another study ('{}') than the one asked for; these differ "
                        "(first: stored, second: asked for){}",
                        storage_->location(), study_.name(), text));
}

/// Folds what the storage holds beyond what is known here.
inline void Tuner::refresh() {
    for (const Event& event : storage_->read(study_.position())) {
        study_.apply(event);
        for (const Observer& observer : observers_) observer.on_event(study_, event);
    }
}

/// Stores and folds the events, or folds what others stored first and returns false.
inline bool Tuner::commit(std::vector<EventBody> bodies) {
    std::vector<Event> events;
    for (EventBody& body : bodies) events.push_back({options_.clock(), std::move(body)});
    if (!storage_->append(events, study_.position())) {
        refresh();
        return false;
    }
    for (const Event& event : events) {
        study_.apply(event);
        for (const Observer& observer : observers_) observer.on_event(study_, event);
    }
    return true;
}

/// For events that stay right whatever others stored in between.
inline void Tuner::must_commit(std::vector<EventBody> bodies) {
    while (!commit(bodies)) {
    }
}

inline const TrialRecord& Tuner::unfinished(std::int64_t number) const {
    const TrialRecord& trial = study_.trial(number);
    if (trial.finished())
        throw InvalidState(fmt::format("trial {}: is {} already", number, to_string(trial.state)));
    return trial;
}

// ---------------------------------------------------------------- ask

inline std::optional<Trial> Tuner::ask_locked(const event::Values& fixed, std::int64_t group,
                                              const std::function<bool()>& may_begin) {
    refresh();
    if (fixed.empty())
        if (auto trial = take_interrupted()) return trial;
    const std::vector<double> fixed_natives = natives(fixed);
    int refused = 0;
    for (std::uint32_t attempt = 0; refused < 50; ++attempt) {
        if (may_begin && !may_begin()) return std::nullopt;
        const auto number = static_cast<std::int64_t>(study_.trials().size());
        const SuggestionRequest request{number, attempt, fixed_natives, options_.duplicates};
        std::optional<std::uint64_t> enqueued;
        std::optional<Suggestion> suggestion = propose(request, enqueued);
        if (!suggestion) return std::nullopt;
        const bool free = !enqueued && suggestion->role != "replicate";
        if (free && !acceptable(request, suggestion->configuration)) {
            ++refused;
            continue;
        }
        const event::Suggested suggested{number,
                                         suggestion->configuration.values(),
                                         fixed,
                                         study_.position(),
                                         attempt,
                                         group < 0 && options_.group_size > 1 ? number : group,
                                         options_.resumable,
                                         enqueued,
                                         std::move(suggestion->reason),
                                         std::move(suggestion->role),
                                         std::move(suggestion->fit)};
        if (commit({suggested})) return hand_out(number, false);
    }
    return std::nullopt;
}

/// Whether a strategy's suggestion can be begun. Throws InvalidConfiguration where it is none of the space,
/// so that no event is stored that cannot be read again.
inline bool Tuner::acceptable(const SuggestionRequest& request, const Configuration& suggested) const {
    if (!request.admits(study_, suggested)) return false;
    (void)study_.space().configuration(suggested.values());
    return request.complete(study_.space(), suggested.native()) == suggested;  // keeps to the fixed values
}

inline std::optional<Trial> Tuner::take_interrupted() {
    for (;;) {
        const auto& trials = study_.trials();
        const auto found = std::find_if(trials.begin(), trials.end(), [](const TrialRecord& t) {
            return t.state == TrialState::interrupted;
        });
        if (found == trials.end()) return std::nullopt;
        const std::int64_t number = found->number;
        if (commit({event::Resumed{number, true}})) return hand_out(number, true);
    }
}

inline std::optional<Suggestion> Tuner::propose(const SuggestionRequest& request,
                                                std::optional<std::uint64_t>& enqueued) {
    for (const auto& [index, values] : study_.enqueued()) {
        Configuration configuration = study_.space().configuration(values);
        if (!(request.complete(study_.space(), configuration.native()) == configuration))
            continue;  // clashes with fixed values
        enqueued = index;
        return Suggestion{std::move(configuration), "enqueued by the user", "enqueued", ""};
    }
    if (auto again = replicate(request)) return again;
    return strategy_.suggest(study_, request);
}

inline std::optional<Suggestion> Tuner::replicate(const SuggestionRequest& request) const {
    if (request.duplicates.kind != Duplicates::Kind::replicate) return std::nullopt;
    for (const TrialRecord& trial : study_.trials()) {
        const bool hopeless = trial.state == TrialState::failed || trial.state == TrialState::stopped;
        if (hopeless || study_.times_asked(trial.configuration) >= request.duplicates.replicates) continue;
        if (!(request.complete(study_.space(), trial.configuration.native()) == trial.configuration))
            continue;
        return Suggestion{trial.configuration, fmt::format("repeats trial {}", trial.number), "replicate",
                          ""};
    }
    return std::nullopt;
}

inline std::vector<double> Tuner::natives(const event::Values& fixed) const {
    if (fixed.empty()) return {};
    std::vector<double> out(study_.space().size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, value] : fixed) {
        const std::size_t i = study_.space().schema().index(name);
        out[i] = study_.space()[i].to_native(value);
    }
    return out;
}

inline Trial Tuner::hand_out(std::int64_t number, bool resumed) {
    const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return {*this,
            number,
            study_.trial(number).configuration,
            study_.seed(),
            resumed,
            std::max(1, cores / executor_.slots()),
            run_ != nullptr ? run_->stop.get_token() : std::stop_token{}};
}

inline void Tuner::enqueue(const event::Values& configuration) {
    const std::lock_guard lock(mutex_);
    must_commit({event::Enqueued{study_.space().configuration(configuration).values()}});
}

// ---------------------------------------------------------------- report and tell

inline Verdict Tuner::report(std::int64_t number, double step, const Metrics& metrics) {
    const std::lock_guard lock(mutex_);
    (void)unfinished(number);
    if (std::isnan(step))
        throw InvalidState(fmt::format("trial {}: step of a report is NaN; it must be a number", number));
    must_commit({event::Reported{number, step, metrics}});
    if (run_ != nullptr && run_->cancelled)
        return {Decision::stop, "the run was cancelled"};  // not a judgement: nothing is recorded
    const TrialRecord& trial = study_.trial(number);
    if (trial.finished()) return {Decision::stop, "the trial was ended by another process"};
    Verdict verdict = run_ != nullptr && run_->is_out_of_time(options_.clock())
                          ? Verdict{Decision::stop, "the time limit of the run was reached"}
                          : policy_.decide(study_, trial);
    if (verdict.decision == Decision::pause && !trial.resumable) verdict = {};
    if (verdict.decision != Decision::proceed)
        must_commit({event::Decided{number, step, verdict.decision, verdict.reason}});
    return verdict;
}

inline const TrialRecord& Tuner::tell(std::int64_t number, const Told& told) {
    const std::lock_guard lock(mutex_);
    const TrialRecord& trial = unfinished(number);
    event::Finished finished{number,    TrialState::completed, told.metrics, std::nullopt, "",
                             told.cost, told.duration_seconds, std::nullopt};
    if (told.configuration)
        finished.configuration = study_.space().configuration(*told.configuration).values();
    if (trial.decision == Decision::stop) finished.state = TrialState::stopped;
    const Metrics final = study_.final_metrics(trial, told.metrics);
    for (const Objective& objective : study_.objectives()) {
        const auto value = final.find(objective.metric);
        if (value != final.end() && !std::isnan(value->second)) continue;
        finished.state = TrialState::failed;
        finished.failure = FailureKind::configuration;
        finished.reason = fmt::format("the objective {} {}", objective.metric,
                                      value == final.end() ? "was neither told nor reported" : "is NaN");
    }
    must_commit({std::move(finished)});
    return study_.trial(number);
}

inline void Tuner::fail(std::int64_t number, const std::string& reason, FailureKind kind,
                        std::optional<double> cost) {
    const std::lock_guard lock(mutex_);
    (void)unfinished(number);
    must_commit(
        {event::Finished{number, TrialState::failed, {}, kind, reason, cost, std::nullopt, std::nullopt}});
}

inline void Tuner::interrupt(std::int64_t number) {
    const std::lock_guard lock(mutex_);
    if (unfinished(number).state != TrialState::interrupted) must_commit({event::Interrupted{number}});
}

inline void Tuner::set_attribute(std::int64_t trial, const std::string& key, const std::string& value) {
    const std::lock_guard lock(mutex_);
    if (trial >= 0) (void)study_.trial(trial);
    must_commit({event::Attribute{trial, key, value}});
}

// ---------------------------------------------------------------- trials

inline Tuner& Trial::owner() const {
    if (tuner_ == nullptr) throw InvalidState(fmt::format("trial {}: is over already", number_));
    return *tuner_;
}

inline Trial::~Trial() {
    if (tuner_ == nullptr) return;
    try {
        tuner_->interrupt(number_);
    } catch (...) {  // NOLINT(bugprone-empty-catch): opening the study again will find it interrupted
    }
}

inline Decision Trial::report(double step, const Metrics& metrics) {
    const Decision decision = owner().report(number_, step, metrics).decision;
    if (decision != Decision::proceed) answer_ = decision;
    return decision;
}

inline Decision Trial::report(double step, double value) {
    const std::string metric =
        owner().with_study([](const Study& study) { return study.objective().metric; });
    return report(step, Metrics{{metric, value}});
}

inline void Trial::set_attribute(const std::string& key, const std::string& value) {
    owner().set_attribute(number_, key, value);
}

inline void Trial::tell(const Metrics& metrics, std::optional<double> cost) {
    owner().tell(number_, {.metrics = metrics, .cost = cost ? cost : cost_});
    tuner_ = nullptr;
}

inline void Trial::tell(double value) {
    const std::string metric =
        owner().with_study([](const Study& study) { return study.objective().metric; });
    tell(Metrics{{metric, value}});
}

inline void Trial::fail(const std::string& reason, FailureKind kind) {
    owner().fail(number_, reason, kind, cost_);
    tuner_ = nullptr;
}

// ---------------------------------------------------------------- the loop

/// Up to `count` trials for one call of the objective; none where the run is over (then its reason is set).
inline std::vector<Trial> Tuner::next_trials(int count) {
    const std::lock_guard lock(mutex_);
    std::vector<Trial> trials;
    while (static_cast<int>(trials.size()) < count) {
        if (auto reason = reason_to_end()) {
            run_->reason = *std::move(reason);
            break;
        }
        run_->reason = "nothing is left to ask: the space is spent";
        // Others may store trials between the look at the limit and ours: it is looked at before every
        // attempt.
        auto trial = ask_locked({}, trials.empty() ? -1 : trials.front().number(), [this] {
            auto reached = run_->limit.reached({study_, run_->started_seconds, options_.clock()});
            if (reached) run_->reason = *std::move(reached);
            return !reached;
        });
        if (!trial) break;
        trials.push_back(std::move(*trial));
    }
    return trials;
}

/// Why no further trial of this run may be gone on with, whatever is left to ask.
inline std::optional<std::string> Tuner::reason_to_end() const {
    if (run_->cancelled) return "cancelled by the host";
    if (run_->out_of_time)
        return fmt::format("the time limit of {:.0f} s was reached", run_->duration->count());
    return std::nullopt;
}

/// Calls the objective for one trial and records what came of it.
template <class Call>
void Tuner::settle(Trial& trial, Call&& call) {
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
        must_commit({event::Ended{failure.what()}});
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

inline void Tuner::settle_failed(Trial& trial, const std::string& reason, FailureKind kind) {
    if (trial.tuner_ == nullptr) return;
    const std::lock_guard lock(mutex_);
    if (study_.trial(trial.number()).finished())
        trial.tuner_ = nullptr;  // another process was quicker: its result stands
    else
        run_->cancelled ? give_back(trial) : trial.fail(reason, kind);
}

/// Whether the trial heard that the host cancels the run, so that what it came to is not its whole result.
inline bool Tuner::left_off(const Trial& trial) const {
    return run_->cancelled && (trial.answer_ == Decision::stop || trial.saw_stop_);
}

inline void Tuner::give_back(Trial& trial) {
    interrupt(trial.number());
    trial.tuner_ = nullptr;
}

template <class Objective_>
void Tuner::evaluate(std::vector<Trial>& trials, Objective_& objective) {
    if constexpr (std::invocable<Objective_&, std::span<Trial>>) {
        std::exception_ptr fault;
        try {
            objective(std::span<Trial>(trials));
        } catch (...) {
            fault = std::current_exception();
        }
        for (Trial& trial : trials)
            if (trial.tuner_ != nullptr)
                settle(trial, [&] {
                    if (fault) std::rethrow_exception(fault);
                });
    } else {
        Trial& trial = trials.front();
        settle(trial, [&] {
            using Result = std::invoke_result_t<Objective_&, Trial&>;
            if constexpr (std::is_void_v<Result>) {
                objective(trial);
            } else {
                const Result result = objective(trial);
                if (trial.tuner_ != nullptr && !left_off(trial)) trial.tell(result);
            }
        });
    }
}

template <class Objective_>
Outcome Tuner::run(const Limit& limit, std::optional<std::chrono::duration<double>> duration,
                   Objective_&& objective, std::stop_token cancel) {
    static_assert(
        std::invocable<Objective_&, Trial&> || std::invocable<Objective_&, std::span<Trial>>,
        "an objective takes a Trial& (or a std::span<Trial>) and returns a double, Metrics or nothing");
    Run run{limit, options_.clock(), duration, {}, {}, {}, {}};
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
        const auto* clock = options_.clock.template target<double (*)()>();
        if (duration && clock != nullptr && *clock == &system_seconds)
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
        constexpr bool grouped = std::invocable<Objective_&, std::span<Trial>>;
        executor_.run([&] {
            std::vector<Trial> trials = next_trials(grouped ? options_.group_size : 1);
            if (trials.empty()) return false;
            evaluate(trials, objective);
            return true;
        });
        const std::lock_guard lock(mutex_);
        must_commit({event::Ended{run.reason}});
    }
    return {study(), run.reason};
}

}  // namespace attune
