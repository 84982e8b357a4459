#include "attune/analyse/report.hpp"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <system_error>

#include "attune/files/atomic_file.hpp"
#include "report_model.hpp"
#include "report_parts.hpp"
#include "text.hpp"

namespace attune {
namespace {

// The browser is told to load nothing: a page that is opened from a disk stays there, whatever a study holds.
constexpr const char* policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; form-action "
    "'none'; base-uri 'none'";

// What tells a report from any other file; it stands near the beginning.
constexpr const char* generator = "<meta name=\"generator\" content=\"Attune\">";
constexpr std::size_t head_bytes = 4096;

std::string chart(const std::string& id, const std::string& title) {
    return detail::section_html(id, title,
                                "<div class=\"host\"></div>\n<noscript><p>This drawing needs scripts to be "
                                "allowed.</p></noscript>\n");
}

std::string plugged_in(const std::vector<ReportSection>& sections) {
    std::string text;
    for (std::size_t i = 0; i < sections.size(); ++i)
        text += detail::section_html(fmt::format("section-{}", i), sections[i].title, sections[i].html);
    return text;
}

std::string navigation(const Study& study, const ReportOptions& options, bool importance, bool model) {
    std::string text;
    const auto link = [&](const std::string& id, const std::string& title) {
        text += "<a href=\"#" + id + "\">" + escape_html(detail::valid_utf8(title)) + "</a>";
    };
    link("best", study.objectives().size() > 1 ? "Pareto set" : "Best");
    for (std::size_t i = 0; i < options.sections.size(); ++i)
        link(fmt::format("section-{}", i), options.sections[i].title);
    if (study.objectives().size() == 2) link("pareto", "Pareto front");
    if (importance) link("importance", "Importance");
    if (model) link("model", "Model");
    link("history", "History");
    link("curves", "Curves");
    link("parallel", "Parallel");
    link("slices", "Slices");
    link("timeline", "Timeline");
    link("trials", "Trials");
    link("settings", "Study");
    return "<nav aria-label=\"Sections\">" + text + "</nav>\n";
}

std::string charts(const Study& study) {
    std::string text;
    if (study.objectives().size() == 2) text += chart("pareto", "Pareto front");
    text += chart("history", "Optimisation history") + chart("curves", "Learning curves") +
            chart("parallel", "Parallel coordinates") + chart("slices", "Slices by parameter") +
            chart("timeline", "Timeline") + chart("trials", "All trials");
    return text;
}

std::string head(const std::string& title) {
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n{}\n"
        "<title>{}</title>\n<style>\n{}</style>\n</head>\n",
        policy, generator, title, detail::report_style());
}

std::string scripts() {
    std::string text = "<script>\n(() => {\n\"use strict\";\n";
    text += detail::report_script_base();
    text += detail::report_script_scales();
    text += detail::report_script_charts();
    text += detail::report_script_model();
    text += detail::report_script_parallel();
    text += detail::report_script_table();
    return text + "})();\n</script>\n";
}

}  // namespace

void ReportOptions::validate() const {
    if (max_points_per_curve < 3)
        throw InvalidOption(
            fmt::format("report: max_points_per_curve ({}) must be at least 3", max_points_per_curve));
    if (now_seconds && !std::isfinite(*now_seconds))
        throw InvalidOption(fmt::format("report: now_seconds ({}) must be finite", *now_seconds));
}

std::string render_report(const Study& study, const ReportOptions& options) {
    options.validate();
    if (!study.is_created())
        throw InvalidState("report: the study was not created yet; there is nothing to show");
    const std::string title =
        escape_html(detail::valid_utf8(options.title.empty() ? study.name() : options.title));
    const std::string importance = detail::importance_html(study);
    const detail::ReportModel model(study);
    std::string page = head(title);
    page += "<body>\n<header><h1>" + title + "</h1>\n" +
            navigation(study, options, !importance.empty(), !model.empty()) + "</header>\n<main>\n";
    page += detail::summary_html(study) + detail::best_html(study) + plugged_in(options.sections) +
            importance + model.html() + charts(study);
    page += detail::settings_html(study) + "</main>\n<div id=\"tooltip\" role=\"status\"></div>\n";
    page += "<script type=\"application/json\" id=\"attune-data\">" +
            detail::report_data(study, options, model) + "</script>\n";
    return page + scripts() + "</body>\n</html>\n";
}

void check_report_path(const std::filesystem::path& path) {
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) return;
    if (!std::filesystem::is_regular_file(status))
        throw FileError(path.string() + ": is no regular file; a report is not written over it");
    std::ifstream stream(path, std::ios::binary);
    std::string beginning(head_bytes, '\0');
    stream.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    if (stream.bad() || !stream.is_open())
        throw FileError(path.string() +
                        ": exists and cannot be read; a report is written only over a report");
    beginning.resize(static_cast<std::size_t>(stream.gcount()));
    if (!beginning.empty() && beginning.find(generator) == std::string::npos)
        throw FileError(path.string() +
                        ": exists and is no report of Attune; a report is written over another report, over "
                        "an empty file or to a new place, and over nothing else");
}

void write_report(const Study& study, const std::filesystem::path& path, const ReportOptions& options) {
    check_report_path(path);
    write_file_atomically(path, std::string_view(render_report(study, options)));
}

std::string escape_html(const std::string& text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            case '\'':
                out += "&#39;";
                break;
            default:
                out += c;
        }
    return out;
}

}  // namespace attune
