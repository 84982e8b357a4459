#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/metrics/regex_metrics.hpp"

namespace attune {

/// The line of a log that comes closest to an expression that matched nowhere.
struct NearestLine {
    std::int64_t number = 0;
    std::string text;       ///< of a long line the part that is meant, with "..." where it is cut
    double similarity = 0;  ///< 0 to 1: words like the expression's, close together and before a number,
                            ///< count; long lines count less
    std::vector<std::string> missing;  ///< literal parts of the expression that the line lacks
    std::vector<std::string> found;    ///< literal parts that it has
};

/// A capture that was no number, and where.
struct UnparsableCapture {
    std::int64_t line = 0;
    std::string captured;
};

/// What one definition found in a log.
struct MetricDryRun {
    std::string name;
    std::string regex;
    std::int64_t count = 0;  ///< numbers read
    std::optional<double> first, last;
    std::optional<double> least, greatest;  ///< NaN left out
    std::vector<std::int64_t> lines;        ///< of each number, counted from 1
    std::int64_t unparsable = 0;
    std::vector<UnparsableCapture> unparsable_examples;  ///< the first five
    std::int64_t cut = 0;                ///< captures that took only a part of a number, see MetricMatch
    std::optional<NearestLine> nearest;  ///< where nothing matched and any line is similar
};

struct DryRun {
    std::vector<MetricDryRun> metrics;  ///< one for each definition, in order
    std::int64_t lines = 0;             ///< of the log, states of progress bars included
    std::int64_t truncated_lines = 0;
    std::vector<LintWarning> warnings;
};

/// Tries metric definitions on the text of a log, read as a running program's output would be.
/// Throws InvalidOption as RegexMetrics does. Time is linear in the log for given definitions.
[[nodiscard]] DryRun dry_run(std::string_view log, const std::vector<MetricDefinition>& definitions);

/// The dry run as text for people, a paragraph for each metric.
[[nodiscard]] std::string to_string(const DryRun& run);

/// The pieces of plain text that every match of `regex` must contain, in order; quantified and alternative
/// parts are left out. An approximation that serves hints only.
[[nodiscard]] std::vector<std::string> literal_parts(std::string_view regex);

}  // namespace attune
