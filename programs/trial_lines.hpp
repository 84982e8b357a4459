#pragma once

#include <memory>
#include <ostream>

#include "attune/tune/options.hpp"

namespace attune::program {

/// A line for each trial that ends, for logs, and on a terminal one for each that fails, above the live line;
/// and one for the first trial with output that could not be read whole.
struct TrialLinesOptions {
    bool failures_only = false;
    bool over_live_line = false;  ///< clears the terminal's current line first
    double since_seconds = 0;     ///< trials that ended earlier are of another run
};

/// To hand to a Tuner after the live line's observer. The stream must outlive the tuner.
[[nodiscard]] Observer trial_lines(std::ostream& stream, const TrialLinesOptions& options);

}  // namespace attune::program
