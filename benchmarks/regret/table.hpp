#pragma once

#include <string>
#include <vector>

#include "trace.hpp"

namespace attune::regret {

struct TableOptions {
    std::vector<int> evaluations{30, 100};  ///< after how many the regrets are compared
    int resamples = 2000;                   ///< of the bootstrap
    std::size_t least_seeds = 3;            ///< that a method needs on a problem to be ranked
};

/// Markdown: medians of log10 regret with 95 % bootstrap intervals (over the seeds, percentile method; Efron
/// 1979), the mean rank of the medians with its interval, and the share of pairs in which the best of 30 is
/// at most the best of 120 of "random" where such traces are among them.
[[nodiscard]] std::string table(const std::vector<Trace>& traces, const TableOptions& options);

}  // namespace attune::regret
