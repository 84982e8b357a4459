#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/metrics/metric_extractor.hpp"

namespace attune {

/// The values of one step, in the order in which their names first came; of several under one name, the last.
struct MetricReport {
    std::int64_t step = 0;
    std::vector<std::pair<std::string, double>> values{};

    /// The value under `name`, if there is one.
    [[nodiscard]] std::optional<double> value(const std::string& name) const;
    bool operator==(const MetricReport&) const = default;
};

/// When a report is complete.
enum class ReportCompletion {
    on_objective,  ///< at the end of the line on which the objectives are all there: a policy can stop the
                   ///< trial at once
    on_next_step,  ///< when the step changes or the output ends: for objectives that are printed several
                   ///< times a step
};

struct MetricCollectorOptions {
    /// Names of the objectives, at least one.
    std::vector<std::string> objectives{};
    /// The metric whose value is the step (an epoch number), such as one read by `Epoch ([0-9]+)/`. It must
    /// come before the objective or on the same line, is no part of the reports, and counts only where it is
    /// a whole number.
    std::string step_metric{};
    /// `on_next_step` needs a step metric, or values that carry their steps.
    ReportCompletion completion = ReportCompletion::on_objective;

    /// Throws InvalidOption.
    void validate() const;
};

/// Groups the values that extractors yield into reports by step.
///
/// The default counts: the first arrival of the objective is step 1, the next is step 2 and so on, and the
/// other metrics seen since the last report (and on the same line) join it, for training figures come before
/// validation figures. With several objectives a report is complete when all have arrived, or one of them
/// arrives again.
///
/// Steps of a `step_metric`, or steps that the values carry, take the place of counting. Values that come
/// after their step's report was complete join the next one. Steps of reports increase: an objective that
/// arrives again in a step already reported, or in an earlier one, is passed over and counted
/// (`passed_over()`), and so is a step that is no whole number. One object is used by one thread at a time.
class MetricCollector {
  public:
    /// Throws InvalidOption.
    explicit MetricCollector(MetricCollectorOptions options);

    /// Takes the values of one line; returns the reports that they complete, in order.
    [[nodiscard]] std::vector<MetricReport> add(const std::vector<MetricValue>& line_values);
    /// The output has ended: the last report, if objectives wait in one.
    [[nodiscard]] std::optional<MetricReport> finish();

    /// Values of no report yet: after `finish`, what came after the last one (a test score, a run time).
    [[nodiscard]] const std::vector<std::pair<std::string, double>>& pending() const noexcept {
        return pending_;
    }
    /// Objective values and steps that could not be used, see above.
    [[nodiscard]] std::int64_t passed_over() const noexcept { return passed_over_; }

  private:
    void take_step(double value, std::vector<MetricReport>& reports);
    void take_value(const std::string& name, double value, std::vector<MetricReport>& reports);
    void complete(std::vector<MetricReport>& reports);
    [[nodiscard]] bool is_objective(const std::string& name) const;
    [[nodiscard]] bool has_pending(const std::string& name) const;
    [[nodiscard]] std::size_t objectives_pending() const;

    MetricCollectorOptions options_;
    std::vector<std::pair<std::string, double>> pending_;
    std::optional<std::int64_t> current_step_;
    std::optional<std::int64_t> last_reported_;
    std::int64_t passed_over_ = 0;
};

}  // namespace attune
