#pragma once

#include <string>

#include "attune/study/study.hpp"

namespace attune::program {

/// How failures are listed.
struct FailureListOptions {
    std::size_t width = 0;       ///< columns to wrap at; 0 is none
    bool whole_reasons = false;  ///< all lines of the latest reason of each group, instead of its first one
};

/// Why trials failed: those with the same first line, but for numbers in it, are one group with its count;
/// the largest groups first. Empty where none failed.
[[nodiscard]] std::string failures_text(const Study& study, const FailureListOptions& options);

}  // namespace attune::program
