#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "attune/study/objective.hpp"
#include "attune/study/trial_record.hpp"

namespace attune {

/// A number that a trial reported, and its step.
struct CurvePoint {
    double step = 0;
    double value = 0;

    friend bool operator==(const CurvePoint&, const CurvePoint&) = default;
};

/// What a trial reported of a metric, in the order of the steps, whatever the order in which it came. Of a
/// step that was reported several times the latest counts; reports without the metric are passed over; NaN
/// stays NaN.
[[nodiscard]] inline std::vector<CurvePoint> curve(const TrialRecord& trial, std::string_view metric) {
    std::vector<CurvePoint> points;
    points.reserve(trial.reports.size());
    bool in_order = true;
    for (const Report& report : trial.reports) {
        const auto found = report.metrics.find(metric);
        if (found == report.metrics.end()) continue;
        in_order = in_order && (points.empty() || points.back().step < report.step);
        points.push_back({report.step, found->second});
    }
    if (in_order) return points;
    std::stable_sort(points.begin(), points.end(),
                     [](const CurvePoint& a, const CurvePoint& b) { return a.step < b.step; });
    std::vector<CurvePoint> once;
    for (const CurvePoint& point : points) {
        if (!once.empty() && once.back().step == point.step) once.pop_back();
        once.push_back(point);
    }
    return once;
}

}  // namespace attune
