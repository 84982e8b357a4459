#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attune/study/study.hpp"

namespace attune {

/// A part of the report that another component brings. `html` stands in the page as it is: whoever makes it
/// escapes what is not its own (see escape_html) and refers to nothing outside the file. The page's style
/// serves tables, figures and paragraphs.
struct ReportSection {
    std::string title;  ///< plain text
    std::string html;
};

/// What write_report shows beside the study.
struct ReportOptions {
    std::string title{};                    ///< plain text; empty: the study's name
    std::vector<ReportSection> sections{};  ///< come after the best configuration, in this order
    std::optional<double>
        now_seconds{};  ///< until when running trials are drawn; the study's latest event otherwise
    std::size_t max_points_per_curve =
        500;  ///< longer learning curves are thinned evenly, first, last and best kept; at least 3

    /// Throws InvalidOption.
    void validate() const;
};

/// The study as one HTML page that needs nothing beside itself: no network, no server, no other file.
///
/// Summary, best configuration, history with best so far, learning curves, parallel coordinates, slices by
/// parameter, Pareto front (two objectives), timeline, a table of all trials that sorts and filters, settings
/// and environment. The page follows the reader's light or dark preference. The study stands in it as JSON
/// (element `attune-data`), non-finite numbers as "nan", "inf" and "-inf". Names and values of the study are
/// data and never markup. The same study and options give the same bytes (but a trial's checkpoint is named
/// only as long as it is there). Works for any study, also one that
/// runs still, and an empty one. Thread-safe for a study that is not being changed. Throws InvalidState where
/// the study was not created yet, and InvalidOption.
[[nodiscard]] std::string render_report(const Study& study, const ReportOptions& options = {});

/// Throws FileError, naming the file, where write_report would refuse to replace what is at `path`: anything
/// but a report of Attune (known by its generator mark) or an empty file. For programs that want to know
/// before the work is done.
void check_report_path(const std::filesystem::path& path);

/// Writes render_report to `path`, which holds either its old content or the whole new one, whatever happens.
/// Throws FileError, also for what check_report_path refuses.
void write_report(const Study& study, const std::filesystem::path& path, const ReportOptions& options = {});

/// Text for HTML: `& < > " '` become references.
[[nodiscard]] std::string escape_html(const std::string& text);

}  // namespace attune
