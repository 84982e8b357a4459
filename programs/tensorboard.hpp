#pragma once

#include <filesystem>

#include "attune/tune/options.hpp"

namespace attune::program {

/// Whether the folder holds runs of trials already. False where there is no such folder.
[[nodiscard]] bool holds_runs(const std::filesystem::path& folder);

/// Writes TensorBoard's event files while trials run (see TensorBoardFiles).
///
/// A folder without runs gets the whole study; in one that has some, what happens from now on is added, since
/// the rest was written when it happened. Errors do not end the study: the first one is told, and nothing is
/// written any more. Makes the folder; throws FileError where that fails.
[[nodiscard]] Observer tensorboard_runs(const std::filesystem::path& folder, double now_seconds);

}  // namespace attune::program
