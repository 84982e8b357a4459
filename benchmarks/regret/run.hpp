#pragma once

#include "problem.hpp"
#include "session.hpp"
#include "trace.hpp"

namespace attune::regret {

/// How evaluations overlap where there are several at a time.
enum class Overlap {
    synchronous,  ///< a batch is asked, then told as a whole
    asynchronous  ///< so many are always in flight; the one asked first ends first
};

struct RunOptions {
    int budget = 100;
    int batch = 1;
    Overlap overlap = Overlap::synchronous;
    std::uint64_t seed = 0;
};

/// Optimises `problem` by `method` once. The incumbent is the evaluation with the least observed loss of
/// those that keep the problem's constraints; its regret is free of noise.
[[nodiscard]] Trace run_once(const Method& method, const Problem& problem, const RunOptions& options);

}  // namespace attune::regret
