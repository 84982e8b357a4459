#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/study/event.hpp"

/// Studies from the files of other programs, as events that any storage takes (`store_study`).
///
/// What all importers do: trials keep order, values, reports, results and dates and get new numbers, with the
/// old one in the attribute "imported_number" where it differs. What had not finished becomes interrupted, so
/// that workers go on with it; what waited is enqueued. A trial that has no result and lacks parameters
/// cannot be a trial here: it is left out, noted, and kept as an attribute of the study. As merged ones,
/// imported trials count as evidence and a replay passes over them. Dates that a file lacks are those of the
/// import, and reports without a date have that of their trial's end.
///
/// All functions throw FileError that begins with the file and names line, trial and value; InvalidOption for
/// options that do not fit. They may be called from any thread.
namespace attune {

struct ImportOptions {
    /// Which study of the file; needed where it holds several.
    std::string study{};
    /// Name of the new study; empty: its own, or the file's.
    std::string name{};
    /// The space. Without it:
    /// - Optuna's distributions are joined: the widest range, the step where it is the same;
    /// - a column of whole numbers becomes an integer from the least to the greatest, other numbers a
    ///   continuous parameter, true and false and texts choices in order of appearance; mixed ones are texts;
    /// - a parameter that some finished trials lack becomes active where another one, looked for in order of
    ///   appearance, has one of the values that it has in the trials with it (for integers also: reaches the
    ///   least, or stays below the greatest of them), if that tells these trials apart from those without it.
    ///   Where none does, a boolean "NAME is set" is added, which says for each trial whether it had it.
    std::optional<SearchSpace> space{};
    /// Metrics and directions. Needed for tables; for Optuna's studies, whose files have the directions, they
    /// name the metrics: the file's own names otherwise, and where it has none "value", or "value_0" ...
    std::vector<Objective> objectives{};
    /// Columns of a CSV file that are metrics beside the objectives.
    std::vector<std::string> metrics{};
};

struct ImportedStudy {
    std::vector<Event> events;
    /// What the file holds and the study cannot, or only changed: a line each.
    std::vector<std::string> notes;
};

/// Optuna's journal (JournalFileBackend), of versions 3.1 to 5. What nlohmann's JSON lacks is read too: NaN
/// and infinities. A last line that is cut is left out, as Optuna does, and noted.
[[nodiscard]] ImportedStudy study_from_optuna_journal(std::string_view text, const std::string& file,
                                                      const ImportOptions& options = {});

/// Optuna's SQLite database, of versions 2.4 to 5 (schemas v2.4.0.a to v3.2.0.a). Nothing is written. Dates
/// of versions before 5 are taken as local time, as they were written.
///
/// From both: choices of one type stay what they are; where strings, numbers, booleans and null are mixed
/// they become texts (`adam`, `3`, `true`, `null`), and the study keeps the originals, which an export
/// restores. User attributes become attributes, system attributes those that begin with "optuna:".
/// Constraints become metrics "constraint_0" ... (at most 0 is feasible).
[[nodiscard]] ImportedStudy study_from_optuna_sqlite(const std::filesystem::path& path,
                                                     const ImportOptions& options = {});

/// A table with a header and a line for each trial.
///
/// Columns: "trial" or "number", "state" (words of ours or of Optuna's), "started_seconds",
/// "finished_seconds", "duration_seconds", "datetime_start", "datetime_complete", "duration", "reason"; the
/// objectives (also as "value", "values_0" ... in their order), `metrics`; all others are parameters. With
/// columns "params_NAME", as of Optuna's data frames, only those are, and with a space those that it names;
/// of the rest numbers are then metrics and other columns attributes. An empty field is a missing value.
/// Without a state, a trial with all objectives is completed and one with none waits.
[[nodiscard]] ImportedStudy study_from_csv(std::string_view text, const std::string& file,
                                           const ImportOptions& options = {});

/// The lines of `attune export`, or an object for each trial, such as `{"parameters": {"lr": 0.1}, "metrics":
/// {"loss": 2}}`, optionally with "state", "number", "reports" (`[{"step": 1, "metrics": {...}}]`),
/// "started_seconds", "finished_seconds", "duration_seconds", "reason" and "attributes".
[[nodiscard]] ImportedStudy study_from_json_lines(std::string_view text, const std::string& file,
                                                  const ImportOptions& options = {});

/// Any of these, told apart by what the file holds, and CSV by its name (.csv).
[[nodiscard]] ImportedStudy import_study(const std::filesystem::path& path,
                                         const ImportOptions& options = {});

}  // namespace attune
