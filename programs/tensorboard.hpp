#pragma once

#include <filesystem>
#include <memory>

#include "attune/storage/workers.hpp"
#include "attune/tune/options.hpp"

namespace attune::program {

/// Whether the folder holds runs of trials already. False where there is no such folder.
[[nodiscard]] bool holds_runs(const std::filesystem::path& folder);

/// Throws FileError.
void make_runs_folder(const std::filesystem::path& folder);

/// Writes TensorBoard's event files while trials run (see TensorBoardFiles), of the trials that this process
/// runs: other workers of the study write those of theirs. `workers` is the study's table.
///
/// A folder without runs gets the whole study; in one that has some, what happens from now on is added, since
/// the rest was written when it happened. Errors do not end the study: the first one is told, and nothing is
/// written any more.
[[nodiscard]] Observer tensorboard_runs(const std::filesystem::path& folder, double now_seconds,
                                        std::shared_ptr<WorkerTable> workers);

}  // namespace attune::program
