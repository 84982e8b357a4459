#pragma once

#include <optional>
#include <string>

#include "attune/study/study.hpp"

namespace attune::detail {

/// The metric that a policy looks at, with its direction: the study's first objective where `metric` is
/// empty; that of the objective of its name; otherwise `direction`, or where that is not said the first
/// objective's.
[[nodiscard]] inline Objective watched(const Study& study, const std::string& metric,
                                       std::optional<Direction> direction = std::nullopt) {
    Objective out{metric, direction.value_or(study.objective().direction)};
    if (metric.empty()) out.metric = study.objective().metric;
    if (!direction)
        for (const Objective& objective : study.objectives())
            if (objective.metric == out.metric) out.direction = objective.direction;
    return out;
}

/// Whether the latest report has the metric: others are not judged.
[[nodiscard]] inline bool just_reported(const TrialRecord& trial, const std::string& metric) {
    return !trial.reports.empty() && trial.reports.back().metrics.contains(metric);
}

}  // namespace attune::detail
