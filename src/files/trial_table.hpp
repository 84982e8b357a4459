#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attune/files/study_import.hpp"
#include "attune/space/parameter.hpp"

/// Trials of another program on their way to be a study: what all importers come to.
namespace attune::detail {

struct TableTrial {
    std::string where;  ///< for messages: "trial 3", "line 7"
    std::int64_t number = 0;
    TrialState state = TrialState::completed;  ///< waiting: to be tried next
    event::Values values;
    std::vector<Report> reports;
    Metrics metrics;
    std::string reason;
    std::optional<double> started, finished;  ///< seconds since the epoch
    std::map<std::string, std::string> attributes;

    /// It came to a value, so its parameters are all that it has; others may have died before.
    [[nodiscard]] bool whole() const {
        return state == TrialState::completed || state == TrialState::stopped;
    }
    [[nodiscard]] const Value* find(const std::string& name) const;
};

struct TrialTable {
    std::string file;  ///< begins messages
    std::string name;
    std::vector<Parameter> parameters;  ///< without conditions, in order of appearance
    std::vector<Objective> objectives;
    std::vector<OutcomeConstraint> outcome_constraints{};
    std::map<std::string, std::string> attributes;
    std::vector<TableTrial> trials;
    std::vector<std::string> notes;
};

/// Gives parameters that some trials lack the condition that explains it (ImportOptions tells the rules); may
/// add parameters, and their values to the trials.
void infer_conditions(TrialTable& table);

/// A parameter that can take all values seen (see ImportOptions): never empty.
[[nodiscard]] Parameter parameter_from_values(const std::string& name, const std::vector<Value>& values);

/// The events, checked by folding them. Throws FileError for a trial that does not fit the space.
[[nodiscard]] ImportedStudy study_from_table(TrialTable table, const ImportOptions& options);

/// The state of a word of ours or of Optuna's, in any case of letters.
[[nodiscard]] std::optional<TrialState> state_from_word(std::string word);

}  // namespace attune::detail
