#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "attune/analyse/importance.hpp"
#include "report_parts.hpp"
#include "text.hpp"

namespace attune::detail {
namespace {

constexpr std::size_t most_rows = 20;

std::string safe(const std::string& text) { return escape_html(valid_utf8(text)); }

/// A bar for the share and a line over it for the interval.
std::string row(const ParameterImportance& p) {
    return fmt::format(
        "<tr><th scope=\"row\">{}</th><td><div class=\"reach\" title=\"{:.1f}% ({:.1f}% to {:.1f}%)\"><i "
        "style=\"width:{:.2f}%\"></i><b style=\"left:{:.2f}%;width:{:.2f}%\"></b></div></td><td "
        "class=\"share\">{:.1f}% <small class=\"small\">{:.0f} to {:.0f}</small></td></tr>\n",
        safe(p.name), 100 * p.share, 100 * p.low, 100 * p.high, 100 * p.share, 100 * p.low,
        100 * (p.high - p.low), 100 * p.share, 100 * p.low, 100 * p.high);
}

std::string block(const std::string& title, const Importance& importance) {
    std::string rows;
    for (std::size_t i = 0; i < std::min(importance.parameters.size(), most_rows); ++i)
        rows += row(importance.parameters[i]);
    std::string text =
        fmt::format("<div class=\"block\"><h3>{}</h3>\n<table class=\"importance{}\">\n{}</table>\n",
                    safe(title), importance.believed ? "" : " unsure", rows);
    if (importance.parameters.size() > most_rows)
        text += fmt::format("<p class=\"note\">{} less important ones are left out.</p>\n",
                            importance.parameters.size() - most_rows);
    return text + fmt::format("<p class=\"note{}\">{}.</p></div>\n", importance.believed ? "" : " warning",
                              safe(importance_verdict(importance)));
}

/// The whole space and the best trials beside one another.
std::string columns(const Study& study, std::size_t objective) {
    const ImportanceOptions whole{.objective = objective};
    const ImportanceOptions near{.method = ImportanceMethod::ped_anova, .objective = objective};
    std::string text =
        "<div class=\"columns\">" +
        block("Share of the variance over the whole space (fANOVA)", importance(study, whole)) +
        block("What sets the best tenth of the trials apart (PED-ANOVA)", importance(study, near)) +
        "</div>\n";
    std::string branches;
    for (const Importance& branch : branch_importances(study, whole))
        branches += block(fmt::format("Where {} (fANOVA)", branch.branch), branch);
    if (!branches.empty()) text += "<div class=\"columns\">" + branches + "</div>\n";
    return text;
}

bool worth_showing(const Study& study, std::size_t objective) {
    const auto& parameters = study.space().parameters();
    const auto varying = std::count_if(parameters.begin(), parameters.end(),
                                       [](const Parameter& p) { return p.cardinality() > 1; });
    return varying >= 2 && importance_trials(study, objective) >= least_importance_trials;
}

}  // namespace

std::string importance_html(const Study& study) {
    std::string body;
    for (std::size_t k = 0; k < study.objectives().size(); ++k) {
        if (!worth_showing(study, k)) continue;
        if (study.objectives().size() > 1)
            body += "<p><b>" + safe(study.objectives()[k].metric) + "</b></p>\n";
        body += columns(study, k);
    }
    if (body.empty()) return "";
    return section_html("importance", "Importance of parameters",
                        "<p class=\"note\">Lines are intervals that hold 90% when the trials are "
                        "drawn again.</p>\n" +
                            body);
}

}  // namespace attune::detail
