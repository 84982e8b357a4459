#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "attune/study/event.hpp"
#include "attune/study/study.hpp"

/// Studies in the files of other programs. What those cannot hold is left out, as each function says.
namespace attune {

/// A line a trial: number, state, times, a column for each parameter and each final metric, reason. Empty
/// where a parameter is inactive or a metric is missing. RFC 4180; doubles read back bit by bit.
[[nodiscard]] std::string study_as_csv(const Study& study);

/// The lines of Optuna's JournalStorage (checked with 5.0), for its dashboard and for `optuna.load_study`.
///
/// Values, ranges, steps and log scales are kept; other scales become linear, and a log scale goes where
/// Optuna has none beside a step. Reports of the first objective at whole steps become intermediate values;
/// stopped trials are pruned ones, and trials without a result are running ones, so run the dashboard on it
/// or go on with it in Optuna, not both. Metrics that are no objective become the user attribute "metrics".
/// What was imported from Optuna goes back as it was: choices of mixed types, attributes of its system.
/// `name` is the study's name there; empty: its own.
[[nodiscard]] std::string study_as_optuna_journal(const Study& study, const std::string& name = "");

/// The same as a database of Optuna (schema of 3.2 to 5), in one file that appears when it is whole. Throws
/// FileError, also where something is there already: it may hold other studies.
void write_optuna_sqlite(const Study& study, const std::filesystem::path& path, const std::string& name = "");

/// An experiment in the file store of MLflow (checked with 3.17; since 3 its clients want
/// MLFLOW_ALLOW_FILE_STORE=true): a run for each trial, with parameters, reports and final metrics. `folder`
/// is the "mlruns" folder, made where it is missing. Gives the experiment's id. Throws FileError, also where
/// the experiment is there already.
std::string write_mlflow_experiment(const Study& study, const std::filesystem::path& folder);

/// Event files for TensorBoard, written while trials run: a run for each trial, its reports as scalars, its
/// configuration and end for the HParams page.
///
/// An observer: `Observer{TensorBoardFiles{"logs"}}`. A process that is killed leaves a torn record at most,
/// which TensorBoard passes over. Values become single precision and steps whole numbers there. One thread at
/// a time. Throws FileError.
class TensorBoardFiles {
  public:
    explicit TensorBoardFiles(std::filesystem::path folder);
    void operator()(const Study& study, const Event& event);

  private:
    void add(const TrialRecord& trial, double time_seconds, double step, const Metrics& metrics,
             const std::string& prefix);

    std::filesystem::path folder_;
    std::string file_name_;
    std::set<std::int64_t> begun_;
};

/// CRC-32C (Castagnoli) of the bytes.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

}  // namespace attune
