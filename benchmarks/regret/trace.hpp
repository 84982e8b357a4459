#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace attune::regret {

/// Regret of the incumbent of one run: from evaluation `first` on (counted from 1) it is `second`.
struct Trace {
    std::string method;
    std::string problem;
    std::uint64_t seed = 0;
    int budget = 0;
    int batch = 1;
    int evaluations = 0;
    double ask_seconds = 0.0;  ///< processor time of all asks of a run in this process; 0 where not measured
    std::vector<std::pair<int, double>> steps;
    int late_failures = 0;  ///< evaluations that failed in the second half of the budget

    /// Regret after `k` evaluations, infinite where it had no success by then; nothing where the run was
    /// shorter.
    [[nodiscard]] std::optional<double> at(int k) const;
};

/// The traces of a file of `{"peer", "runs": [{"problem", "seed", "budget", "batch", "steps", "n"}]}`; other
/// kinds of runs are passed over.
[[nodiscard]] std::vector<Trace> read_traces(const std::filesystem::path& file);

/// Writes `traces`, all of one method, in that form.
void write_traces(const std::filesystem::path& file, const std::vector<Trace>& traces);

}  // namespace attune::regret
