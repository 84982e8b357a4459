#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attune/metrics/metric_extractor.hpp"

namespace attune {

struct JsonLinesOptions {
    /// The object follows this text, anywhere in the line (`#metrics `). Where empty, it begins at the line's
    /// first `{`.
    std::string prefix{};
    /// Names that hold the step, best first; the first that the object has with a whole number is the step of
    /// all its values and none of them itself. Nested ones are written as flattened: `Dimensions.epoch`.
    std::vector<std::string> step_keys = {"step", "epoch"};
    /// Flattened names to keep; all where empty.
    std::vector<std::string> names{};
    /// Numbers taken from one line, 1 or more.
    std::size_t max_values_per_line = 1000;

    /// Throws InvalidOption.
    void validate() const;
};

/// Reads metrics from log lines that hold a JSON object.
///
/// Numbers count, under their keys joined with '.'; elements of lists have their index as key. `NaN`,
/// `Infinity` and `-Infinity` are understood as many trainers write them, bare or as strings (also `nan`,
/// `inf`, `-inf`). Booleans, other strings and nulls are passed over, as is text after the object. Lines
/// without an object yield nothing; a damaged one is counted. Linear time, no recursion. One object is used
/// by one thread at a time.
class JsonLinesMetrics {
  public:
    /// Throws InvalidOption.
    explicit JsonLinesMetrics(JsonLinesOptions options = {});

    [[nodiscard]] std::vector<MetricValue> extract(std::string_view line);

    /// Lines that began an object (after `prefix`, where one is set) and were no JSON.
    [[nodiscard]] std::int64_t malformed_lines() const noexcept { return malformed_lines_; }
    [[nodiscard]] std::vector<std::string> problems() const;

  private:
    JsonLinesOptions options_;
    std::int64_t malformed_lines_ = 0;
    std::int64_t values_left_out_ = 0;
};

}  // namespace attune
