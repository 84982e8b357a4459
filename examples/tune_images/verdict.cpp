#include "verdict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "comparison.hpp"

using namespace attune;

std::string verdict_on(const Judged& judged, const std::string& part) {
    const Evaluation& tuned = judged.tuned;
    const bool is_test = part == to_string(Split::test);
    std::string text = fmt::format("{} part, which {}: accuracy {:.4f} ({} of {} wrong)", part,
                                   is_test ? "the search has not seen"
                                           : "also chose the trial, as there is no test part, so it flatters",
                                   tuned.metrics.accuracy, tuned.wrong(), tuned.rows.size());
    if (judged.default_won)
        return text + "; nothing was found that is better than the untuned default recipe";
    if (!judged.baseline) return text;
    const PairedDifference d = paired_bootstrap(tuned, *judged.baseline);
    text += fmt::format("; the untuned default recipe {:.4f}; difference {:+.4f}, ",
                        judged.baseline->metrics.accuracy, d.mean);
    // Resampling images of which none tells the two apart gives an interval without width: then up to three
    // in as many images may do so at 95 % ("rule of three": Hanley and Lippman-Hand 1983).
    if (d.low == d.high)
        return text + fmt::format("and no image tells them apart: either may be better by {:.4f}",
                                  std::min(1.0, 3.0 / static_cast<double>(tuned.rows.size())));
    return text + fmt::format("95 % interval [{:+.4f}, {:+.4f}]", d.low, d.high);
}

namespace {

/// Lines of a remark stay lines.
std::string remark_html(const std::string& remark) {
    std::string html = "<li>";
    for (const char c : escape_html(remark)) c == '\n' ? html += "<br>" : html += c;
    return html + "</li>";
}

}  // namespace

ReportSection verdict_section(const std::string& verdict, const std::vector<std::string>& remarks) {
    std::string html = "<p>" + escape_html(verdict) + "</p>";
    if (!remarks.empty()) {
        html += "<p>To keep in mind:</p><ul>";
        for (const std::string& remark : remarks) html += remark_html(remark);
        html += "</ul>";
    }
    return {"What tuning has come to", std::move(html)};
}
