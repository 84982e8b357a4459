#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/storage/json_codec.hpp"
#include "attune/study/study.hpp"
#include "trial_table.hpp"

/// A study as Optuna keeps it, whatever it lies in.
namespace attune::detail {

/// The numbers are those of the journal, the words those of the database.
enum class OptunaState { running = 0, complete = 1, pruned = 2, failed = 3, waiting = 4 };
constexpr std::string_view optuna_state_words[] = {"RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"};

struct OptunaParameter {
    std::string name;
    double value = 0;  ///< internal: the number, or the index of a choice
    std::string distribution;
};

struct OptunaTrial {
    std::int64_t number = 0;
    OptunaState state = OptunaState::running;
    std::optional<double> started, finished;  ///< seconds since the epoch
    std::vector<double> values;               ///< one for each direction, or none
    std::vector<OptunaParameter> parameters;
    std::map<std::int64_t, double> intermediate;
    std::map<std::string, Json> user, system;
};

struct OptunaStudy {
    std::string name;
    std::vector<Direction> directions;
    std::map<std::string, Json> user, system;
    std::vector<OptunaTrial> trials;
};

/// As the exporters write it; the study keeps `name`, or its own where that is empty.
[[nodiscard]] OptunaStudy optuna_from_study(const Study& study, const std::string& name);

/// As the importers read it. `file` begins the messages of FileError.
[[nodiscard]] TrialTable table_from_optuna(const OptunaStudy& study, const std::string& file,
                                           const ImportOptions& options);

/// The choices of a categorical distribution as values of one type, in the same order: all strings, all
/// booleans, all whole numbers or all numbers as they are; mixed ones and null as text.
[[nodiscard]] std::vector<Value> values_of_choices(const Json& choices);

/// Which of several studies is meant; throws FileError that lists them where that is not clear.
[[nodiscard]] std::size_t chosen_study(const std::vector<std::string>& names, const std::string& wanted,
                                       const std::string& file);

/// The study's attribute that keeps the choices of a parameter as they were in Optuna, where their values
/// became text.
inline constexpr std::string_view choices_attribute = "optuna_choices:";
/// How attributes begin that were system attributes in Optuna.
inline constexpr std::string_view system_attribute = "optuna:";

}  // namespace attune::detail
