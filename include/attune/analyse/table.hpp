#pragma once

#include <cstddef>
#include <string>

#include "attune/study/study.hpp"

namespace attune {

/// What best_trials_table shows.
struct TableOptions {
    std::size_t rows = 10;            ///< the most trials listed
    std::size_t max_cell_width = 28;  ///< columns; longer names and values are cut with "..."; at least 4
    bool footer = true;               ///< counts by state, time, why the study ended

    /// Throws InvalidOption.
    void validate() const;
};

/// The best trials as aligned text, best first: rank, trial, status, values, seconds, last step, parameters
/// ("-" where inactive).
///
/// Ranks the completed and stopped trials by the first objective, or with several objectives by the front
/// that they lie on (rank 1 is the Pareto front) and within it by the first objective. Times are those of the
/// study's events, so the same study gives the same text. Ends with a newline. Thread-safe for a study that
/// is not being changed.
[[nodiscard]] std::string best_trials_table(const Study& study, const TableOptions& options = {});

}  // namespace attune
