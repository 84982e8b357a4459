#pragma once

#include <map>
#include <string>
#include <string_view>

#include "attune/analyse/report.hpp"
#include "attune/study/study.hpp"

/// The parts that render_report puts together.
namespace attune::detail {

class ReportModel;

/// The study, and what its model says, as JSON text that can stand inside a script element: no "<" in it.
[[nodiscard]] std::string report_data(const Study& study, const ReportOptions& options,
                                      const ReportModel& model);

/// Sections without drawings: summary, best configuration or Pareto set, search space, settings and
/// environment.
[[nodiscard]] std::string summary_html(const Study& study);
[[nodiscard]] std::string best_html(const Study& study);
[[nodiscard]] std::string settings_html(const Study& study);

/// Which parameters matter, over the whole space and near the best, and within branches; empty where too few
/// trials have a value or fewer than two parameters vary.
[[nodiscard]] std::string importance_html(const Study& study);

/// A trial's notes but for the place of a checkpoint that is no longer there: most go when a trial ends.
[[nodiscard]] std::map<std::string, std::string> shown_attributes(const TrialRecord& trial);

/// A section with a heading.
[[nodiscard]] std::string section_html(const std::string& id, const std::string& title,
                                       const std::string& body);

/// The style sheet and the scripts, in the order in which they stand in the page.
[[nodiscard]] std::string_view report_style();
[[nodiscard]] std::string_view report_script_base();    ///< elements, numbers, colours, tooltip
[[nodiscard]] std::string_view report_script_scales();  ///< scales, ticks, axes, frames of charts
[[nodiscard]] std::string_view
report_script_charts();  ///< history, learning curves, slices, Pareto front, timeline
[[nodiscard]] std::string_view report_script_model();     ///< curves and maps of models
[[nodiscard]] std::string_view report_script_parallel();  ///< parallel coordinates
[[nodiscard]] std::string_view report_script_table();     ///< table of trials, and what starts everything

}  // namespace attune::detail
