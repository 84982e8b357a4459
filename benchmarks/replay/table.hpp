#pragma once

#include <attune/space/space.hpp>
#include <attune/study/objective.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace attune::replay_benchmark {

/// A training as it was recorded: one entry a report, in the order of the steps.
struct RecordedTrial {
    std::vector<double> steps;
    std::vector<double> values;
    std::vector<double> spent;  ///< since the beginning of the training, in the table's unit of cost
    std::vector<std::pair<std::string, Value>> configuration{};  ///< of the table's space
};

/// Finished trainings that rules are tried on.
struct RecordedTable {
    std::string name;
    Objective objective;
    std::string step_unit;
    std::string cost_unit;
    std::vector<RecordedTrial> trials;
    SearchSpace space{};  ///< what the trainings differ in; without parameters where that is not known

    /// The last step of the longest training.
    [[nodiscard]] double horizon() const;
};

/// What a table is read with.
struct TableOptions {
    std::string metric{};                  ///< empty: that of most columns, or the first named validation_...
    std::optional<Direction> direction{};  ///< none: down for losses and errors, otherwise up
    std::string step{};  ///< column of pairs of files; empty: that of seconds, where there is none of steps
    std::string cost{};  ///< column of pairs; empty: as the step
    std::optional<std::vector<std::string>> configuration{};  ///< columns; none: see configuration_columns
};

/// Every table in a folder: files with one column an epoch (`<metric>_1`, `<metric>_2`, ...), and pairs
/// `<name>-trials.csv`, `<name>-curves.csv`. Files that are neither are named in `left_aside`, those that are
/// no CSV in `broken`, with what is wrong. Throws FileError where the folder cannot be read.
struct TableFolder {
    std::vector<RecordedTable> tables;
    std::vector<std::string> left_aside;
    std::vector<std::string> broken;
};
[[nodiscard]] TableFolder read_tables(const std::filesystem::path& folder, const TableOptions& options);

/// The completed trials of a study.
[[nodiscard]] RecordedTable table_of_study(const std::string& address);

}  // namespace attune::replay_benchmark
