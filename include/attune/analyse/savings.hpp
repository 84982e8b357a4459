#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "attune/study/study.hpp"

namespace attune {

/// What ending and pausing trials early has saved, estimated: how far each of them has come beside the median
/// trial that ran to its end.
struct Savings {
    std::size_t stopped = 0;  ///< trials that were stopped before that
    std::size_t paused = 0;   ///< trials that stand paused before that
    double steps = 0;         ///< that they lack
    double share = 0;         ///< of all steps that would have been run without
    double seconds = 0;  ///< what the missing reports would have taken at the pace between each trial's own;
                         ///< at the median pace of whole trials after a single one
    std::optional<double>
        cost;  ///< of the missing reports at each trial's own cost a report, where costs were told
    /// Trials that were stopped although their forecast, as the decision kept it ("low", "high", "best"),
    /// reached the best value: what was risked.
    std::vector<std::int64_t> risked;
};

/// Nothing where no trial has run to its end, or none was stopped or paused before. Thread-safe for a study
/// that is not being changed.
[[nodiscard]] std::optional<Savings> savings(const Study& study);

}  // namespace attune
