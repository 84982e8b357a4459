#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attune/stopping/by_name.hpp"
#include "attune/storage/durability.hpp"
#include "attune/storage/json_codec.hpp"
#include "attune/strategy/by_name.hpp"
#include "attune/tune/options.hpp"
#include "parents.hpp"

namespace attune::program {

/// A strategy or stopping policy as it is written: by name, with options.
struct Named {
    std::string name;
    std::map<std::string, Value> options{};
};

/// A strategy whose trials all have the fixed values. An ask that fixes a parameter itself goes before.
class WithFixed {
  public:
    WithFixed(AnyStrategy strategy, event::Values fixed)
        : strategy_(std::move(strategy)), fixed_(std::move(fixed)) {}
    [[nodiscard]] std::string name() const { return strategy_.name(); }
    [[nodiscard]] bool needs_pauses() const { return strategy_.needs_pauses(); }
    [[nodiscard]] bool ignores_results() const { return strategy_.ignores_results(); }
    std::optional<Suggestion> suggest(const Study& study, SuggestionRequest request);

  private:
    AnyStrategy strategy_;
    event::Values fixed_;
};

/// By name and options, with fixed values and studies to learn from where there are any. Throws UnknownName,
/// InvalidOption, and as read_parents.
[[nodiscard]] AnyStrategy make_strategy(const Named& strategy, const event::Values& fixed,
                                        const std::vector<Parent>& parents);

/// What the protocol's `create` and the files of `attune tune` say about a study.
struct StudySetup {
    std::string name = "study";
    SearchSpace space;
    std::vector<Objective> objectives;
    std::vector<OutcomeConstraint> outcome_constraints{};  ///< that results must keep to count
    Named strategy{"gaussian_process"};
    Named stopping{"median"};
    event::Values fixed;            ///< values that every trial has
    std::vector<Parent> parents{};  ///< earlier studies to learn from
    std::uint64_t seed = 0;
    std::string storage = "memory:";
    Durability durability = default_durability;
    double heartbeat_seconds = 10;  ///< as TunerOptions::heartbeat_seconds
    std::string worker_name{};      ///< of this worker, for people
    Duplicates duplicates = Duplicates::forbid();
    bool resumable = false;
    std::string checkpoints{};                 ///< folder of the trials' checkpoints; none where empty
    std::uint64_t checkpoint_quota_bytes = 0;  ///< room in that folder; 0: no limit
    bool change_space = false;                 ///< of a study that exists and has another one
    event::Values old_trials{};  ///< what its trials are taken to have had for parameters that they lack
    /// Which of outcome_constraints, strategy, strategy_options, stopping, stopping_options, fixed, seed,
    /// duplicates and name were said (or parents); an existing study fills in the rest.
    std::set<std::string> given{};
    std::map<std::string, std::string> notes{};  ///< more to keep with the study: "command", "metrics" ...

    [[nodiscard]] AnyStrategy make_strategy() const {
        return program::make_strategy(strategy, fixed, parents);
    }
    /// Asks once, of a study that is not kept: what a strategy refuses of the space, such as a belief about
    /// something else, must not leave a file behind. Nothing where the space is spent.
    [[nodiscard]] std::optional<Configuration> sample() const;
    [[nodiscard]] AnyStoppingPolicy make_stopping() const {
        return StoppingPolicyRegistry::standard().make(stopping.name, stopping.options);
    }
    /// With the settings that `replay` reads back.
    [[nodiscard]] TunerOptions tuner_options() const;

    /// What nobody said, for a study at the address: its name (the one in the database, the journal's without
    /// extension), and the stopping: the median rule after a tenth of the training, since the rule from the
    /// first step on loses good trials; for several objectives `dominated`, as it looks at the first alone.
    void fill_in(const std::string& address);
    /// Takes what was not given from a study that exists already.
    void adopt(const Study& study);
    /// What was given and is otherwise in the study, a line each: "seed: 4 there, 5 asked for".
    [[nodiscard]] std::vector<std::string> differences(const Study& study) const;
};

/// Of an object with the members of `create`; members that are missing are as in `otherwise`. Throws
/// InvalidJson, InvalidSpace and what the parts throw.
[[nodiscard]] StudySetup setup_from_json(const Json& json, const std::string& what,
                                         StudySetup otherwise = {});

/// "forbid", "allow", "replicate" or {"replicate": 3}. Throws InvalidOption.
[[nodiscard]] Duplicates duplicates_from_json(const Json& json);
[[nodiscard]] Json duplicates_to_json(Duplicates duplicates);

/// Throws InvalidConfiguration for a value that no trial can have.
void check_fixed(const SearchSpace& space, const event::Values& fixed);

/// A configuration that was asked for, with the study's fixed values where it leaves them out.
[[nodiscard]] event::Values with_fixed_values(const SearchSpace& space, event::Values values,
                                              const event::Values& fixed);

/// The file's text. Throws FileError.
[[nodiscard]] std::string read_text_file(const std::string& path);

}  // namespace attune::program
