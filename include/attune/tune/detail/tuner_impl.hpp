#pragma once

#include <algorithm>
#include <chrono>
#include <limits>
#include <variant>

#include "attune/study/space_change.hpp"
#include "attune/tune/tuner.hpp"

namespace attune {

// ---------------------------------------------------------------- opening and storing

ATTUNE_BODY void Tuner::open(SearchSpace space, const std::vector<Objective>& objectives) {
    options_.validate();
    space.validate();
    check_outcome_constraints(outcome_constraints_);
    if (strategy_.needs_pauses() && !options_.resumable)
        throw InvalidOption(
            fmt::format("strategy {}: lets trials pause and goes on with them, so they must be able to: set "
                        "resumable of the tuner's options, or put a stopping policy in its place",
                        strategy_.name()));
    if (!storage_) storage_.emplace(Memory{});
    space_ = std::move(space);
    refresh();
    if (!study_.is_created()) {
        event::Created created{options_.name,        options_.seed,        space_,
                               objectives,           options_.final_value, options_.settings,
                               options_.environment, outcome_constraints_};
        created.settings.emplace("strategy", strategy_.name());
        created.settings.emplace("stopping", policy_.name());
        // Where another process was quicker, its study is there now and is gone on with.
        (void)commit(EventBody(std::move(created)));
    }
    check_same(objectives);
    if (options_.change_space && !study_.space().differences(space_).empty())
        change_space(space_, options_.old_trials);
    take_place_among_workers();
    interrupt_dead();
}

/// Whether time is the system's, and not one that a test makes up.
ATTUNE_BODY bool Tuner::in_real_time() const {
    const auto* clock = options_.clock.template target<double (*)()>();
    return clock != nullptr && *clock == &system_seconds;
}

ATTUNE_BODY void Tuner::take_place_among_workers() {
    const bool real = in_real_time();
    const auto steady = [] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
    worker_ = std::make_unique<detail::Worker>(
        storage_->workers(), options_.heartbeat_seconds, options_.worker_name,
        real ? std::function<double()>(steady) : options_.clock, real, [this] {
            const std::unique_lock lock(mutex_, std::try_to_lock);  // heartbeats wait for nobody
            if (!lock || study_.unfinished().empty()) return;
            refresh();
            interrupt_dead();
        });
}

/// Trials whose worker is gone become interrupted. Those of programs that told no worker are taken for ended
/// with the program when a tuner opens the study, and left alone afterwards.
ATTUNE_BODY void Tuner::interrupt_dead() {
    std::vector<EventBody> interrupted;
    std::set<std::uint64_t> dead;
    do {
        interrupted.clear();
        for (const std::int64_t number : study_.unfinished()) {
            const TrialRecord& trial = study_.trial(number);
            if (trial.state != TrialState::running || held_.contains(number)) continue;
            const auto own = abandoned_.find(number);
            const bool abandoned = own != abandoned_.end() && own->second == trial.claim;
            const bool gone =
                trial.worker == 0 ? !opened_ : worker_->state(trial.worker) == detail::Worker::State::dead;
            if (!gone && !abandoned) continue;
            interrupted.emplace_back(event::Interrupted{number, trial.claim});
            if (gone) dead.insert(trial.worker);
        }
    } while (!interrupted.empty() && !commit(std::move(interrupted)));
    opened_ = true;
    abandoned_.clear();
    for (const std::uint64_t worker : dead) worker_->bury(worker);
}

/// Whether trials are under way of whose workers nothing is known yet: a heartbeat, or none for too long,
/// will tell.
ATTUNE_BODY bool Tuner::others_are_uncertain() {
    if (!in_real_time()) return false;
    return std::any_of(study_.unfinished().begin(), study_.unfinished().end(), [&](std::int64_t number) {
        const TrialRecord& trial = study_.trial(number);
        return trial.state == TrialState::running && trial.worker != 0 && !held_.contains(number) &&
               worker_->state(trial.worker) == detail::Worker::State::uncertain;
    });
}

ATTUNE_BODY void Tuner::heartbeat() { worker_->beat(); }

ATTUNE_BODY void Tuner::check_same(const std::vector<Objective>& objectives) const {
    std::string text;
    if (!options_.change_space)
        for (const std::string& line : study_.space().differences(space_)) text += "; " + line;
    const bool space_alone = !text.empty() && study_.objectives() == objectives &&
                             study_.outcome_constraints() == outcome_constraints_;
    if (study_.objectives() != objectives)
        text += fmt::format("; objectives: {} -> {}", objectives_text(study_.objectives()),
                            objectives_text(objectives));
    if (study_.outcome_constraints() != outcome_constraints_)
        text += fmt::format("; outcome constraints: {} -> {}",
                            outcome_constraints_text(study_.outcome_constraints()),
                            outcome_constraints_text(outcome_constraints_));
    if (!text.empty())
        throw InvalidState(fmt::format(
            "study at {}: holds another study ('{}') than the one asked for; these differ (stored -> asked "
            "for){}{}",
            storage_->location(), study_.name(), text,
            space_alone ? "; to change the study's space, say so (TunerOptions::change_space)" : ""));
}

/// Throws where another worker has changed the space to another one than this tuner's.
ATTUNE_BODY void Tuner::check_space() {
    if (known_version_ == study_.space_version()) return;
    std::string text;
    for (const std::string& line : study_.space().differences(space_)) text += "; " + line;
    if (!text.empty())
        throw InvalidState(
            fmt::format("study at {}: its space was changed by another worker; open it anew with the present "
                        "one. These differ (study's -> this worker's){}",
                        storage_->location(), text));
    known_version_ = study_.space_version();
}

ATTUNE_BODY void Tuner::change_space(const SearchSpace& space, const event::Values& old_trials) {
    const std::lock_guard lock(mutex_);
    space.validate();
    const event::SpaceChanged change{space, old_trials};
    do {
        const bool stated = std::all_of(old_trials.begin(), old_trials.end(), [&](const auto& entry) {
            const auto assumed = study_.assumed().find(entry.first);
            return assumed != study_.assumed().end() && same_value(assumed->second, entry.second);
        });
        if (stated && study_.space().differences(space).empty()) break;
        check_space_change(study_, change);
    } while (!commit(EventBody(change)));
    space_ = space;
    known_version_ = study_.space_version();
}

/// Folds what the storage holds beyond what is known here.
ATTUNE_BODY void Tuner::refresh() {
    for (const Event& event : storage_->read(study_.position())) {
        study_.apply(event);
        for (const Observer& observer : observers_) observer.on_event(study_, event);
    }
}

ATTUNE_BODY bool Tuner::commit(std::vector<EventBody> bodies) {
    std::vector<Event> events;
    events.reserve(bodies.size());
    for (EventBody& body : bodies) events.push_back({0, std::move(body)});
    return store(events);
}

ATTUNE_BODY bool Tuner::commit(EventBody body) {
    Event event{0, std::move(body)};
    return store(std::span(&event, 1));
}

/// Stores and folds the events as of now, or folds what others stored first and returns false.
ATTUNE_BODY bool Tuner::store(std::span<Event> events) {
    for (Event& event : events) event.time_seconds = options_.clock();
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

/// For an event that stays right whatever others stored in between.
ATTUNE_BODY void Tuner::must_commit(EventBody body) {
    Event event{0, std::move(body)};
    while (!store(std::span(&event, 1))) {
    }
}

/// The claim under which this tuner runs the trial; none where it was not asked for here.
ATTUNE_BODY std::optional<std::uint32_t> Tuner::claim_on(std::int64_t number) const {
    const auto held = held_.find(number);
    return held == held_.end() ? std::nullopt : std::optional(held->second);
}

/// Whether it was asked for here, but another worker has gone on with it since.
ATTUNE_BODY bool Tuner::lost(std::int64_t number) const {
    const auto claim = claim_on(number);
    return claim && *claim != study_.trial(number).claim;
}

/// Throws where the trial is over, but for one that was lost: what its runner says is kept as evidence.
ATTUNE_BODY const TrialRecord& Tuner::unfinished(std::int64_t number) const {
    const TrialRecord& trial = study_.trial(number);
    if (trial.finished() && !lost(number))
        throw InvalidState(fmt::format("trial {}: is {} already", number, to_string(trial.state)));
    return trial;
}

// ---------------------------------------------------------------- ask

ATTUNE_BODY std::optional<Trial> Tuner::ask_locked(const event::Values& fixed, std::int64_t group,
                                                   const MayAsk& may_ask) {
    worker_->beat();
    refresh();
    interrupt_dead();
    if (fixed.empty())
        if (auto trial = take_interrupted()) return trial;
    check_space();
    const std::vector<double> fixed_natives = natives(fixed);
    int refused = 0;
    for (std::uint32_t attempt = 0; refused < 50; ++attempt) {
        check_space();
        const bool may_begin = !may_ask || may_ask(false);
        const bool has_paused = fixed.empty() && study_.count(TrialState::paused) > 0;
        if (!may_begin && !(has_paused && may_ask(true))) return std::nullopt;
        const auto number = static_cast<std::int64_t>(study_.trials().size());
        SuggestionRequest request{number, attempt, fixed_natives, options_.duplicates};
        request.resumable = options_.resumable && fixed.empty();
        request.only_resume = !may_begin;
        if (has_paused)
            if (const auto chosen = policy_.resume(study_)) {
                if (auto trial = resume({chosen->trial, false, 0, chosen->until, study_.position(), attempt,
                                         !may_begin, chosen->reason, "policy", ""}))
                    return trial;
                continue;
            }
        std::optional<std::uint64_t> enqueued;
        std::optional<Suggestion> suggestion = propose(request, enqueued);
        if (!suggestion) return std::nullopt;
        if (suggestion->resume) {
            if (auto trial = resume({*suggestion->resume, false, 0, suggestion->until, study_.position(),
                                     attempt, !may_begin, std::move(suggestion->reason),
                                     std::move(suggestion->role), std::move(suggestion->fit)}))
                return trial;
            continue;
        }
        if (!may_begin) return std::nullopt;
        const bool free = !enqueued && suggestion->role != "replicate";
        event::Values values = suggestion->configuration.values();
        if (free && !acceptable(request, *suggestion, values)) {
            ++refused;
            continue;
        }
        event::Suggested suggested{number,
                                   std::move(values),
                                   fixed,
                                   study_.position(),
                                   attempt,
                                   group < 0 && options_.group_size > 1 ? number : group,
                                   options_.resumable,
                                   enqueued,
                                   std::move(suggestion->reason),
                                   std::move(suggestion->role),
                                   std::move(suggestion->fit),
                                   worker_->number(study_.latest_worker() + 1),
                                   options_.resumable ? suggestion->until : std::nullopt};
        std::vector<Event> begun;
        begun.push_back({0, std::move(suggested)});
        if (!options_.checkpoint_folder.empty()) begun.push_back({0, checkpoint_of(number)});
        if (store(begun)) return hand_out(number, false);
    }
    return std::nullopt;
}

/// Where the trial keeps its checkpoint, as a note.
ATTUNE_BODY event::Attribute Tuner::checkpoint_of(std::int64_t number) const {
    const auto place =
        std::filesystem::absolute(options_.checkpoint_folder) / fmt::format("trial-{}", number);
    return {number, "checkpoint", place.lexically_normal().string()};
}

/// Whether a strategy's suggestion can be begun. Throws InvalidConfiguration where it is none of the space,
/// so that no event is stored that cannot be read again.
ATTUNE_BODY bool Tuner::acceptable(const SuggestionRequest& request, const Suggestion& suggestion,
                                   const event::Values& values) const {
    const Configuration& suggested = suggestion.configuration;
    if (suggestion.repeats ? !study_.space().satisfies(suggested) : !request.admits(study_, suggested))
        return false;
    (void)study_.space().configuration(values);
    return request.complete(study_.space(), suggested.native()) == suggested;  // keeps to the fixed values
}

ATTUNE_BODY std::optional<Suggestion> Tuner::propose(const SuggestionRequest& request,
                                                     std::optional<std::uint64_t>& enqueued) {
    for (const auto& [index, values] : study_.enqueued()) {
        if (request.only_resume) break;
        Configuration configuration = study_.space().configuration(values);
        if (!(request.complete(study_.space(), configuration.native()) == configuration))
            continue;  // clashes with fixed values
        enqueued = index;
        return Suggestion{std::move(configuration), "enqueued by the user", "enqueued", ""};
    }
    if (auto again = replicate(request)) return again;
    return strategy_.suggest(study_, request);
}

ATTUNE_BODY std::optional<Suggestion> Tuner::replicate(const SuggestionRequest& request) const {
    if (request.duplicates.kind != Duplicates::Kind::replicate || request.only_resume) return std::nullopt;
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

ATTUNE_BODY std::vector<double> Tuner::natives(const event::Values& fixed) const {
    if (fixed.empty()) return {};
    std::vector<double> out(study_.space().size(), std::numeric_limits<double>::quiet_NaN());
    for (const auto& [name, value] : fixed) {
        const std::size_t i = study_.space().schema().index(name);
        out[i] = study_.space()[i].to_native(value);
    }
    return out;
}

ATTUNE_BODY Trial Tuner::hand_out(std::int64_t number, bool resumed) {
    held_[number] = study_.trial(number).claim;
    static const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    std::optional<double> reported;
    for (const Report& report : study_.trial(number).reports)
        if (!reported || report.step > *reported) reported = report.step;
    return {*this,
            number,
            study_.trial(number).configuration,
            study_.seed(),
            resumed,
            std::max(1, cores / executor_.slots()),
            study_.trial(number).until,
            reported,
            run_ != nullptr ? run_->stop.get_token() : std::stop_token{}};
}

ATTUNE_BODY void Tuner::enqueue(const event::Values& configuration) {
    const std::lock_guard lock(mutex_);
    while (!commit(EventBody(event::Enqueued{study_.space().configuration(configuration).values()}))) {
    }
}

}  // namespace attune
