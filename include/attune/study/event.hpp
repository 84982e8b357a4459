#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/study/objective.hpp"
#include "attune/study/outcome_constraint.hpp"
#include "attune/study/trial_record.hpp"

/// The events of a study. A study is their fold (see Study::apply); storages append and read them and know
/// nothing else.
///
/// Every struct is one kind of event. New kinds may be added at the end of Event; the kinds here keep their
/// meaning, since files of all versions stay readable.
///
/// Several workers may share a study. A worker's number says who runs a trial; a trial's claim counts how
/// often it was gone on with, and is the fencing number of what is said about it (Gray and Cheriton 1989;
/// Kleppmann, "Designing Data-Intensive Applications", ch. 8): an event with a claim that is not the trial's
/// own comes from a worker that lost it, and changes nothing. Events without a claim always count.
namespace attune::event {

/// Names and values, as the user sees them.
using Values = std::vector<std::pair<std::string, Value>>;

/// What a completed trial without a told value takes as its objective.
enum class FinalValue { last_report, best_report };

/// The first event of every study.
struct Created {
    std::string name;
    std::uint64_t seed = 0;
    SearchSpace space;
    std::vector<Objective> objectives;
    FinalValue final_value = FinalValue::best_report;
    std::map<std::string, std::string> settings;  ///< strategy, stopping ... for people and for `replay`
    std::map<std::string, std::string>
        environment;  ///< versions, processor, threads, fingerprint of the data
    std::vector<OutcomeConstraint> outcome_constraints{};  ///< that results must keep to count
};

/// A configuration that the user wants tried next.
struct Enqueued {
    Values configuration;
};

/// A trial was begun. `view` is how many events the suggestion saw.
struct Suggested {
    std::int64_t trial = 0;
    Values configuration;
    Values fixed;  ///< values that the asker fixed
    std::uint64_t view = 0;
    std::uint32_t attempt = 0;
    std::int64_t group = -1;
    bool resumable = false;
    std::optional<std::uint64_t> enqueued;  ///< index of the enqueued configuration that it takes
    std::string reason;
    std::string role;
    std::string fit;
    std::uint64_t worker = 0;       ///< who runs it; 0: not said
    std::optional<double> until{};  ///< the step at which it is to pause; none: it runs to its end
};

struct Reported {
    std::int64_t trial = 0;
    double step = 0;
    Metrics metrics;
    std::optional<std::uint32_t> claim{};
};

/// A report was answered with stop or pause.
struct Decided {
    std::int64_t trial = 0;
    double step = 0;
    Decision decision = Decision::stop;
    std::string reason;
    std::optional<std::uint32_t> claim{};
    Metrics numbers{};  ///< what was compared, by name: "value", "median", "trials" ...
};

/// The trial's runner went away; nothing is known of it since.
struct Interrupted {
    std::int64_t trial = 0;
    std::optional<std::uint32_t> claim{};
};

/// A paused or interrupted trial is gone on with: from its checkpoint (its next report then takes the place
/// of earlier ones of that step and beyond), or from the beginning (its old reports then leave the record,
/// but not the sequence of events).
///
/// Where a strategy or a policy chose to go on with a paused trial, the members from `view` on say on what
/// grounds, as those of Suggested do for a new one; `view` is 0 where nobody chose (it was cut off, or the
/// host asked for it).
struct Resumed {
    std::int64_t trial = 0;
    bool from_start = true;
    std::uint64_t worker = 0;       ///< who runs it from now on; 0: not said
    std::optional<double> until{};  ///< the step at which it is to pause again; none: it runs to its end
    std::uint64_t view = 0;
    std::uint32_t attempt = 0;
    bool only_resume = false;  ///< nothing new could be begun when it was chosen
    std::string reason{};
    std::string role{};
    std::string fit{};
};

/// The trial is over (completed, stopped or failed) or left where it stands for the time being (paused). The
/// metrics, cost and duration of a paused one are those of this stretch of its work.
struct Finished {
    std::int64_t trial = 0;
    TrialState state = TrialState::completed;
    Metrics metrics;
    std::optional<FailureKind> failure;
    std::string reason;
    std::optional<double> cost;
    std::optional<double> duration_seconds;  ///< told by the runner; otherwise the time between the events
    std::optional<Values> configuration;  ///< the values really used, where they differ from those asked for
    std::optional<std::uint32_t> claim{};
};

/// A user's note on a trial, or on the study where `trial` is -1.
struct Attribute {
    std::int64_t trial = -1;
    std::string key;
    std::string value;
};

/// A run of the study came to its end for the reason given; a later run may extend it.
struct Ended {
    std::string reason;
};

/// From here on trials are asked for in another space. `old_trials` says what the trials before are taken to
/// have had for parameters that they lack.
struct SpaceChanged {
    SearchSpace space;
    Values old_trials;
};

}  // namespace attune::event

namespace attune {

using EventBody = std::variant<event::Created, event::Enqueued, event::Suggested, event::Reported,
                               event::Decided, event::Interrupted, event::Resumed, event::Finished,
                               event::Attribute, event::Ended, event::SpaceChanged>;

/// One entry of a study's sequence.
struct Event {
    double time_seconds = 0;  ///< since the Unix epoch, or of a simulated clock
    EventBody body;
};

}  // namespace attune
