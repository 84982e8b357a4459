#pragma once

#include <string>
#include <string_view>

#include "attune/analyse/report.hpp"
#include "attune/study/study.hpp"

/// The parts that render_report puts together.
namespace attune::detail {

/// The study as JSON text that can stand inside a script element: no "<" in it.
[[nodiscard]] std::string report_data(const Study& study, const ReportOptions& options);

/// Sections without drawings: summary, best configuration or Pareto set, search space, settings and
/// environment.
[[nodiscard]] std::string summary_html(const Study& study);
[[nodiscard]] std::string best_html(const Study& study);
[[nodiscard]] std::string settings_html(const Study& study);

/// A section with a heading.
[[nodiscard]] std::string section_html(const std::string& id, const std::string& title,
                                       const std::string& body);

/// The style sheet and the scripts, in the order in which they stand in the page.
[[nodiscard]] std::string_view report_style();
[[nodiscard]] std::string_view report_script_base();    ///< elements, numbers, colours, tooltip
[[nodiscard]] std::string_view report_script_scales();  ///< scales, ticks, axes, frames of charts
[[nodiscard]] std::string_view
report_script_charts();  ///< history, learning curves, slices, Pareto front, timeline
[[nodiscard]] std::string_view report_script_parallel();  ///< parallel coordinates
[[nodiscard]] std::string_view report_script_table();     ///< table of trials, and what starts everything

}  // namespace attune::detail
