#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Options of Patience.
struct PatienceOptions {
    int patience = 5;           ///< reports in a row without improvement that end a trial; at least 1
    double minimum_change = 0;  ///< what counts as an improvement, in units of the metric; at least 0
    std::string metric{};       ///< empty: the study's first objective

    /// Throws InvalidOption.
    void validate() const {
        if (patience < 1)
            throw InvalidOption(fmt::format("patience: patience ({}) must be at least 1", patience));
        if (!(minimum_change >= 0) || std::isinf(minimum_change))
            throw InvalidOption(
                fmt::format("patience: minimum_change ({}) must be at least 0 and finite", minimum_change));
    }
};

/// Stops a trial that has not improved on itself by more than `minimum_change` for `patience` reports in a
/// row. NaN never improves. Reports without the metric are passed over.
class Patience {
  public:
    Patience() = default;
    explicit Patience(PatienceOptions options) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "patience"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) const {
        const std::string& metric = options_.metric.empty() ? study.objective().metric : options_.metric;
        Direction direction = study.objective().direction;
        for (const Objective& o : study.objectives())
            if (o.metric == metric) direction = o.direction;
        const Objective objective{metric, direction};
        double best = objective.worst();
        int since = 0;
        for (const Report& report : trial.reports) {
            const auto found = report.metrics.find(metric);
            if (found == report.metrics.end()) continue;
            if (objective.loss(found->second) < objective.loss(best) - options_.minimum_change) {
                best = found->second;
                since = 0;
            } else {
                ++since;
            }
        }
        if (since < options_.patience) return {};
        const std::string reports = detail::counted(since, "report");
        if (best == objective.worst())
            return {Decision::stop,
                    fmt::format("{} was no number better than {} for {}", metric, best, reports)};
        return {Decision::stop, fmt::format("{} has not improved on {:.6g} for {}", metric, best, reports)};
    }

  private:
    PatienceOptions options_;
};

}  // namespace attune
