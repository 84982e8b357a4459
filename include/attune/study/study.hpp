#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/study/event.hpp"
#include "attune/study/key_counts.hpp"
#include "attune/study/objective.hpp"
#include "attune/study/outcome_constraint.hpp"
#include "attune/study/study_identity.hpp"
#include "attune/study/trial_record.hpp"

namespace attune {

/// The search space, the objectives and all trials: the fold of a sequence of events.
///
/// What strategies, stopping policies, limits and reports read. Applying an event costs O(1) beside the size
/// of the event, a change of the space O(trials).
///
/// The space may change. Trials then keep what they were asked with (TrialRecord::asked), and their
/// `configuration` is read anew in the present space: a new parameter has the value that the change states
/// for old trials, a removed one is left out, and a value that is outside the range, off the grid or no
/// choice any more stays itself. Such a reading is evidence but can never be asked for. Configurations in the
/// queue are read in the same way; those that the new space does not contain leave it.
///
/// Copies are independent. Thread safety: const access from several threads, apply() from one
/// at a time.
class Study {
  public:
    /// Folds one event. Throws InvalidState for an event that cannot follow the ones before (an unknown
    /// trial, a second creation, anything before the first); its trials then stay as they were. Reports and
    /// results of a trial that is finished already, or that another worker has gone on with, are late news:
    /// they change nothing, but a result of the second kind is kept with the trial (TrialRecord::late).
    void apply(const Event& event) {
        if (!is_created() && !std::holds_alternative<event::Created>(event.body))
            throw InvalidState("study: its first event must be its creation");
        now_ = event.time_seconds;
        std::visit(
            [&](const auto& body) {
                fold(body);
                if constexpr (requires { body.trial; })
                    touched_.push_back(body.trial);
                else
                    touched_.push_back(-1);
            },
            event.body);
        ++position_;
    }

    [[nodiscard]] bool is_created() const { return position_ > 0; }
    /// How many events were folded.
    [[nodiscard]] std::uint64_t position() const { return position_; }
    /// The trial that each event was about, by position; -1 for those about none. With the identity, what
    /// caches need to look at nothing but what is new.
    [[nodiscard]] const std::vector<std::int64_t>& touched() const { return touched_; }
    /// The same for as long as this study grows, and no other study's: see StudyIdentity.
    [[nodiscard]] std::uint64_t identity() const { return identity_.number(); }
    /// Time stamp of the latest event, in seconds since the epoch of the study's clock.
    [[nodiscard]] double latest_seconds() const { return now_; }
    [[nodiscard]] double created_seconds() const { return created_seconds_; }

    [[nodiscard]] const std::string& name() const { return created_.name; }
    [[nodiscard]] std::uint64_t seed() const { return created_.seed; }
    /// The present space; its parameters know the choices that they had earlier.
    [[nodiscard]] const SearchSpace& space() const {
        static const SearchSpace none;
        return spaces_.empty() ? none : spaces_.back();
    }
    /// How often the space has changed.
    [[nodiscard]] std::uint32_t space_version() const {
        return spaces_.empty() ? 0 : static_cast<std::uint32_t>(spaces_.size() - 1);
    }
    /// The space in which a trial was asked.
    [[nodiscard]] const SearchSpace& space_of(const TrialRecord& trial) const {
        return spaces_[trial.space_version];
    }
    /// What earlier trials are taken to have had for parameters that they lack.
    [[nodiscard]] const std::map<std::string, Value>& assumed() const { return assumed_; }
    [[nodiscard]] const std::vector<Objective>& objectives() const { return created_.objectives; }
    [[nodiscard]] const Objective& objective() const { return created_.objectives.front(); }
    /// Bounds that the metrics of a result must keep; usually none.
    [[nodiscard]] const std::vector<OutcomeConstraint>& outcome_constraints() const {
        return created_.outcome_constraints;
    }
    [[nodiscard]] const std::map<std::string, std::string>& settings() const { return created_.settings; }
    [[nodiscard]] const std::map<std::string, std::string>& environment() const {
        return created_.environment;
    }
    [[nodiscard]] const std::map<std::string, std::string>& attributes() const { return attributes_; }
    /// Why the latest run ended, or empty while it has not.
    [[nodiscard]] const std::string& end_reason() const { return end_reason_; }

    [[nodiscard]] const std::deque<TrialRecord>& trials() const { return trials_; }
    /// Throws InvalidState for a number that no trial has.
    [[nodiscard]] const TrialRecord& trial(std::int64_t number) const {
        if (number < 0 || static_cast<std::size_t>(number) >= trials_.size())
            throw InvalidState(fmt::format("trial {}: is unknown; the study has {}, numbered from 0", number,
                                           detail::counted(trials_.size(), "trial")));
        return trials_[static_cast<std::size_t>(number)];
    }
    [[nodiscard]] std::size_t count(TrialState state) const {
        return counts_[static_cast<std::size_t>(state)];
    }

    /// Numbers of the trials without a result.
    [[nodiscard]] const std::set<std::int64_t>& unfinished() const { return unfinished_; }
    /// The highest number of a worker that any event named; 0 where none did.
    [[nodiscard]] std::uint64_t latest_worker() const { return latest_worker_; }

    /// Configurations that the user asked for and no trial has taken yet, oldest first, with their index.
    [[nodiscard]] const std::map<std::uint64_t, event::Values>& enqueued() const { return enqueued_; }

    /// The value of an objective that a finished trial stands for, NaN where it has none (failed, never
    /// reported).
    [[nodiscard]] double value(const TrialRecord& trial, std::size_t objective = 0) const {
        return trial.state == TrialState::failed ? std::nan("")
                                                 : trial.metric(objectives()[objective].metric);
    }

    /// How far a trial's metrics lie beyond the outcome constraints (see attune::violation): 0 where it keeps
    /// all of them, infinite where it lacks a metric of theirs.
    [[nodiscard]] double violation(const TrialRecord& trial) const {
        return attune::violation(outcome_constraints(), trial.metrics);
    }
    /// Whether a trial's metrics keep all outcome constraints.
    [[nodiscard]] bool keeps_constraints(const TrialRecord& trial) const { return violation(trial) == 0; }

    /// Those that an ended trial is known to break; none of one that is under way or failed, nor those whose
    /// metric it lacks.
    [[nodiscard]] std::vector<OutcomeConstraint> broken_constraints(const TrialRecord& trial) const {
        std::vector<OutcomeConstraint> out;
        if (trial.state != TrialState::completed && trial.state != TrialState::stopped) return out;
        for (const OutcomeConstraint& constraint : outcome_constraints())
            if (constraint.excess(trial.metric(constraint.metric)) > 0) out.push_back(constraint);
        return out;
    }

    /// `told` and, for objectives that it lacks, what the trial reported: the best report of the only
    /// objective (or the last, as the study was created to say); with several objectives the last, because
    /// the best of each would be a point that never was. Of reports that have the
    /// metrics of all outcome constraints those that keep them are better. Metrics of constraints that are
    /// lacking still are those of their last report.
    [[nodiscard]] Metrics final_metrics(const TrialRecord& trial, Metrics told) const {
        for (const Objective& objective : objectives()) {
            if (told.contains(objective.metric)) continue;
            const bool best_counts =
                created_.final_value == event::FinalValue::best_report && objectives().size() == 1;
            const Report* chosen = nullptr;
            for (const Report& report : trial.reports) {
                if (!report.metrics.contains(objective.metric)) continue;
                if (chosen == nullptr || !best_counts || better_report(objective, report, *chosen))
                    chosen = &report;
            }
            if (chosen != nullptr) told.insert(chosen->metrics.begin(), chosen->metrics.end());
        }
        for (const OutcomeConstraint& constraint : outcome_constraints()) {
            if (told.contains(constraint.metric)) continue;
            for (const Report& report : trial.reports)
                if (const auto value = report.metrics.find(constraint.metric); value != report.metrics.end())
                    told[constraint.metric] = value->second;
        }
        return told;
    }

    /// Whether a is ahead of b, both with a value: as the one that breaks the outcome constraints less, by
    /// the first objective, by its tie break, as the earlier trial.
    [[nodiscard]] bool beats(const TrialRecord& a, const TrialRecord& b) const {
        if (const double x = violation(a), y = violation(b); x != y) return x < y;
        if (const double x = value(a), y = value(b); x != y) return objective().better(x, y);
        if (const auto& second = objective().tie_break) {
            const Objective other{second->metric, second->direction};
            if (other.better(a.metric(other.metric), b.metric(other.metric))) return true;
            if (other.better(b.metric(other.metric), a.metric(other.metric))) return false;
        }
        return a.number < b.number;
    }

    /// The completed or stopped trial with the best value of the first objective among those that keep all
    /// outcome constraints; equals are told apart by its tie break, then the earlier one wins. Where no such
    /// trial has come to its end, the best paused one; nullptr where there is none either.
    [[nodiscard]] const TrialRecord* best() const {
        if (best_ >= 0) return &trial(best_);
        const TrialRecord* found = nullptr;
        if (count(TrialState::paused) > 0)
            for (const std::int64_t number : unfinished_)
                if (const TrialRecord& candidate = trial(number);
                    candidate.state == TrialState::paused && !std::isnan(value(candidate)) &&
                    keeps_constraints(candidate) && (found == nullptr || beats(candidate, *found)))
                    found = &candidate;
        return found;
    }

    /// The completed or stopped trial that breaks the outcome constraints least, and of equals the best: what
    /// to show where best() has nothing. nullptr where no trial has a value of every constraint.
    [[nodiscard]] const TrialRecord* nearest_to_constraints() const {
        if (outcome_constraints().empty()) return best();
        const TrialRecord* found = nullptr;
        for (const TrialRecord& trial : trials_) {
            if (trial.state != TrialState::completed && trial.state != TrialState::stopped) continue;
            if (std::isnan(value(trial)) || std::isinf(violation(trial))) continue;
            if (found == nullptr || beats(trial, *found)) found = &trial;
        }
        return found;
    }

    /// A copy in which these trials have completed with these values of the first objective, whatever became
    /// of them; other objectives have what was told or reported. What a model takes for evidence while trials
    /// are paused. NaN: without a value. The reports are shared, not copied.
    [[nodiscard]] Study supposing(const std::map<std::int64_t, double>& values) const {
        Study out = *this;
        for (const auto& [number, value] : values) {
            TrialRecord& record = out.known(number);
            record.metrics = out.final_metrics(record, record.metrics);
            record.metrics[objective().metric] = value;
            record.failure.reset();
            if (!record.finished()) out.unfinished_.erase(number);
            out.set_state(record, TrialState::completed);
        }
        out.best_ = -1;
        for (const TrialRecord& record : out.trials_) out.note_best(record);
        return out;
    }

    /// How many trials that count (failures of the environment do not) were asked with this configuration.
    [[nodiscard]] int times_asked(const Configuration& configuration) const {
        return asked_.count(configuration.duplicate_key());
    }

  private:
    void fold(const event::Created& body) {
        if (is_created()) throw InvalidState("study '" + created_.name + "': is created twice");
        if (body.objectives.empty())
            throw InvalidState("study '" + body.name + "': has no objective; it needs at least one");
        created_ = body;
        spaces_.push_back(body.space);
        created_seconds_ = now_;
    }

    void fold(const event::Enqueued& body) { enqueued_.emplace(enqueued_total_++, body.configuration); }

    void fold(const event::Suggested& body) {
        if (body.trial != static_cast<std::int64_t>(trials_.size()))
            throw InvalidState(fmt::format("trial {}: is suggested out of order; the next number is {}",
                                           body.trial, trials_.size()));
        Configuration configuration = space().configuration(body.configuration);  // may throw: first
        TrialRecord& record = trials_.emplace_back();
        record.number = body.trial;
        record.configuration = std::move(configuration);
        record.space_version = space_version();
        record.view = body.view;
        record.attempt = body.attempt;
        record.group = body.group;
        record.resumable = body.resumable;
        record.until = body.until;
        record.suggestion_reason = body.reason;
        record.role = body.role;
        record.fit = body.fit;
        record.suggested_seconds = record.started_seconds = record.attempt_seconds = now_;
        note_worker(record, body.worker);
        if (body.enqueued) enqueued_.erase(*body.enqueued);
        asked_.add(record.configuration.duplicate_key(), 1);
        unfinished_.insert(unfinished_.end(), body.trial);
        ++counts_[static_cast<std::size_t>(TrialState::waiting)];
        set_state(record, TrialState::running);
        end_reason_.clear();
    }

    void fold(const event::Reported& body) {
        TrialRecord& record = known(body.trial);
        if (record.finished() || stale(record, body.claim)) return;
        if (record.carried_reports > 0) {  // gone on with from a checkpoint before the last report
            record.carried_reports = 0;
            if (record.reports.erase_if([&](const Report& old) { return old.step >= body.step; }) > 0)
                ++record.rewrites;
        }
        record.reports.push_back({body.step, body.metrics, now_});
    }

    void fold(const event::Decided& body) {
        TrialRecord& record = known(body.trial);
        if (record.finished() || stale(record, body.claim)) return;
        record.decision = body.decision;
        record.reason = body.reason;
        record.numbers = body.numbers;
    }

    void fold(const event::Interrupted& body) {
        TrialRecord& record = known(body.trial);
        if (record.finished() || record.state == TrialState::paused || stale(record, body.claim)) return;
        set_state(record, TrialState::interrupted);
    }

    void fold(const event::Resumed& body) {
        TrialRecord& record = known(body.trial);
        if (record.finished()) return;
        if (record.state == TrialState::paused) {
            record.earlier_work.emplace_back(record.attempt_seconds, record.finished_seconds);
            record.started_seconds = now_;
            record.metrics.clear();
        } else if (!record.reports.empty() && record.reports.back().time_seconds > record.attempt_seconds) {
            record.earlier_attempts.emplace_back(record.attempt_seconds, record.reports.back().time_seconds);
        }
        record.attempt_seconds = now_;
        if (body.from_start) {
            if (!record.reports.empty()) ++record.rewrites;
            record.reports.clear();
            record.started_seconds = now_;
        }
        record.carried_reports = record.reports.size();
        ++record.claim;
        note_worker(record, body.worker);
        record.until = body.until;
        if (!body.reason.empty()) record.suggestion_reason = body.reason;
        if (!body.fit.empty()) record.fit = body.fit;
        record.attributes.erase("checkpoint_evicted");
        record.reason.clear();
        record.numbers.clear();
        record.decision = Decision::proceed;
        set_state(record, TrialState::running);
        end_reason_.clear();
    }

    void fold(const event::Finished& body) {
        TrialRecord& record = known(body.trial);
        if (stale(record, body.claim)) {
            record.late.push_back({body.state, body.metrics, body.reason, now_});
            return;
        }
        if (record.finished()) return;
        if (body.configuration) {
            Configuration used = space_of(record).configuration(*body.configuration);  // may throw: first
            asked_.add(record.configuration.duplicate_key(), -1);
            if (record.original) record.original = std::make_shared<const Configuration>(used);
            record.configuration = record.original ? space().reading(used, assumed_) : std::move(used);
            asked_.add(record.configuration.duplicate_key(), 1);
        }
        record.metrics = final_metrics(record, body.metrics);
        record.failure = body.failure;
        if (body.cost) record.cost = record.cost.value_or(0) + *body.cost;
        if (!body.reason.empty()) record.reason = body.reason;
        record.finished_seconds = now_;
        if (body.duration_seconds)
            record.started_seconds = record.attempt_seconds = now_ - *body.duration_seconds;
        if (body.failure == FailureKind::environment) asked_.add(record.configuration.duplicate_key(), -1);
        set_state(record, body.state);
        note_best(record);
    }

    void fold(const event::Attribute& body) {
        (body.trial < 0 ? attributes_ : known(body.trial).attributes)[body.key] = body.value;
    }

    void fold(const event::Ended& body) { end_reason_ = body.reason; }

    void fold(const event::SpaceChanged& body) {
        std::map<std::string, Value> assumed = assumed_;
        for (const auto& [name, value] : body.old_trials) assumed.insert_or_assign(name, value);
        SearchSpace present = body.space;
        present.remember_choices(space(), assumed);
        std::map<std::uint64_t, event::Values> queue;
        for (const auto& [index, values] : enqueued_) {
            const Configuration wanted = present.reading(space().configuration(values), assumed);
            if (present.contains(wanted)) queue.emplace(index, wanted.values());
        }
        enqueued_ = std::move(queue);
        assumed_ = std::move(assumed);
        spaces_.push_back(std::move(present));
        asked_.clear();
        for (TrialRecord& trial : trials_) {
            if (!trial.original) trial.original = std::make_shared<const Configuration>(trial.configuration);
            trial.configuration = space().reading(*trial.original, assumed_);
            if (trial.failure != FailureKind::environment) asked_.add(trial.configuration.duplicate_key(), 1);
        }
    }

    TrialRecord& known(std::int64_t number) {
        (void)trial(number);
        return trials_[static_cast<std::size_t>(number)];
    }

    void set_state(TrialRecord& record, TrialState state) {
        --counts_[static_cast<std::size_t>(record.state)];
        ++counts_[static_cast<std::size_t>(state)];
        record.state = state;
        if (record.finished()) unfinished_.erase(record.number);
    }

    /// Of two reports of an objective's metric. Where one lacks a constraint's metric, as what is measured
    /// only now and then, nothing is known of its constraints, and the objective alone decides.
    [[nodiscard]] bool better_report(const Objective& objective, const Report& a, const Report& b) const {
        const double x = attune::violation(outcome_constraints(), a.metrics);
        const double y = attune::violation(outcome_constraints(), b.metrics);
        if (x != y && !std::isinf(x) && !std::isinf(y)) return x < y;
        return objective.better(a.metrics.at(objective.metric), b.metrics.at(objective.metric));
    }

    static bool stale(const TrialRecord& record, const std::optional<std::uint32_t>& claim) {
        return claim && *claim != record.claim;
    }

    void note_worker(TrialRecord& record, std::uint64_t worker) {
        record.worker = worker;
        latest_worker_ = std::max(latest_worker_, worker);
    }

    void note_best(const TrialRecord& record) {
        if (record.state != TrialState::completed && record.state != TrialState::stopped) return;
        const double value = this->value(record);
        if (std::isnan(value) || !keeps_constraints(record)) return;
        if (best_ < 0 || beats(record, trial(best_))) best_ = record.number;
    }

    StudyIdentity identity_;
    std::vector<std::int64_t> touched_;
    event::Created created_;
    std::vector<SearchSpace> spaces_;  ///< the first one and what it was changed to; the last is the present
    std::map<std::string, Value> assumed_;
    std::deque<TrialRecord> trials_;
    std::set<std::int64_t> unfinished_;
    std::map<std::string, std::string> attributes_;
    std::map<std::uint64_t, event::Values> enqueued_;
    KeyCounts asked_;  ///< by Configuration::duplicate_key()
    std::size_t counts_[7] = {};
    std::uint64_t enqueued_total_ = 0;
    std::uint64_t position_ = 0;
    std::uint64_t latest_worker_ = 0;
    std::int64_t best_ = -1;
    double now_ = 0;
    double created_seconds_ = 0;
    std::string end_reason_;
};

}  // namespace attune
