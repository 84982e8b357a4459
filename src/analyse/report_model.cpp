#include "report_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "attune/space/enumerate.hpp"
#include "report_parts.hpp"
#include "text.hpp"

namespace attune::detail {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t least_trials = 8;     ///< fewer make a picture of the prior
constexpr std::size_t most_slices = 24;     ///< of the parameters along which the value varies most
constexpr std::size_t most_objectives = 4;  ///< each takes a model
constexpr int map_side = 25;

std::string safe(const std::string& text) { return escape_html(valid_utf8(text)); }

std::string percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string interval(const BelievedValue& value) {
    return fmt::format("{} to {}", short_number(value.low), short_number(value.high));
}

double extent(const StudyModel::Slice& slice) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const BelievedValue& value : slice.believed)
        low = std::min(low, value.middle), high = std::max(high, value.middle);
    return high - low;
}

Json value_json(const Parameter& parameter, double native) {
    return std::visit([](const auto& v) { return Json(v); }, parameter.to_value(native));
}

std::string value_text(const Parameter& parameter, double native) {
    return short_value(parameter.to_value(native));
}

/// What lies between the best and the median of the values, the unit in which "as good" is meant.
double spread_of(const Study& study, std::size_t objective) {
    std::vector<double> losses;
    for (const TrialRecord& trial : study.trials())
        if (const double loss = study.objectives()[objective].loss(study.value(trial, objective));
            trial.finished() && std::isfinite(loss))
            losses.push_back(loss);
    if (losses.empty()) return 0;
    const auto middle = losses.begin() + static_cast<std::ptrdiff_t>(losses.size() / 2);
    std::nth_element(losses.begin(), middle, losses.end());
    return *middle - *std::min_element(losses.begin(), losses.end());
}

}  // namespace

ReportModel::ReportModel(const Study& study) : study_(study) {
    for (std::size_t k = 0; k < std::min(study.objectives().size(), most_objectives); ++k) {
        StudyModel model(study, k);
        if (!model.usable() || model.trials() < least_trials) continue;
        std::vector<BelievedBest> best = model.best(5);
        if (best.empty()) continue;
        Modelled modelled{k, std::move(model), std::move(best), {}};
        for (std::size_t i = 0; i < study.space().size(); ++i) {
            if (study.space()[i].cardinality() == 1) continue;
            StudyModel::Slice slice = modelled.model.slice(i, around(modelled));
            if (slice.at.size() > 1) modelled.slices.push_back(std::move(slice));
        }
        std::stable_sort(modelled.slices.begin(), modelled.slices.end(),
                         [](const auto& a, const auto& b) { return extent(a) > extent(b); });
        if (modelled.slices.size() > most_slices) modelled.slices.resize(most_slices);
        objectives_.push_back(std::move(modelled));
    }
}

const Configuration& ReportModel::around(const Modelled& modelled) const {
    return study_.trial(modelled.best.front().trial).configuration;
}

Json ReportModel::data() const {
    Json out = Json::array();
    for (const Modelled& modelled : objectives_) {
        Json slices = Json::array();
        for (const StudyModel::Slice& slice : modelled.slices) {
            Json at = Json::array(), middle = Json::array(), low = Json::array(), high = Json::array();
            for (std::size_t i = 0; i < slice.at.size(); ++i) {
                at.push_back(value_json(study_.space()[slice.parameter], slice.at[i]));
                middle.push_back(slice.believed[i].middle);
                low.push_back(slice.believed[i].low);
                high.push_back(slice.believed[i].high);
            }
            slices.push_back({{"parameter", slice.parameter},
                              {"at", at},
                              {"middle", middle},
                              {"low", low},
                              {"high", high}});
        }
        out.push_back(Json{{"objective", modelled.objective},
                           {"around", modelled.best.front().trial},
                           {"slices", slices},
                           {"map", map_of(modelled)}});
    }
    return out;
}

/// Over the two parameters along which the value varies most, in the order of the space; null where there are
/// no two. Places that the constraints or conditions forbid are null.
Json ReportModel::map_of(const Modelled& modelled) const {
    if (modelled.slices.size() < 2) return nullptr;
    const auto [x, y] = std::minmax(modelled.slices[0].parameter, modelled.slices[1].parameter);
    const SearchSpace& space = study_.space();
    const std::vector<double> columns = axis_values(space[x], map_side);
    Json rows = Json::array(), at_x = Json::array(), at_y = Json::array();
    for (const double native : columns) at_x.push_back(value_json(space[x], native));
    for (const double native : axis_values(space[y], map_side)) {
        std::vector<double> natives = around(modelled).native();
        natives[y] = native;
        for (std::size_t i = 0; i < natives.size(); ++i)
            if (std::isnan(natives[i])) natives[i] = space[i].decode(0.5);
        const Configuration through = space.from_native(std::move(natives));
        const StudyModel::Slice row =
            through.active(y) ? modelled.model.slice(x, through, map_side) : StudyModel::Slice{};
        Json cells = Json::array();
        for (const double place : columns) {
            const auto found = std::lower_bound(row.at.begin(), row.at.end(), place);
            if (found == row.at.end() || *found != place) {
                cells.push_back(nullptr);
                continue;
            }
            const BelievedValue& value = row.believed[static_cast<std::size_t>(found - row.at.begin())];
            cells.push_back(Json{value.middle, value.high - value.low});
        }
        at_y.push_back(value_json(space[y], native));
        rows.push_back(std::move(cells));
    }
    return {{"x", x}, {"y", y}, {"at_x", at_x}, {"at_y", at_y}, {"rows", rows}};
}

std::string ReportModel::region_of(const Modelled& modelled) const {
    const double amount = 0.1 * spread_of(study_, modelled.objective);
    std::string rows;
    for (const StudyModel::GoodRange& range : modelled.model.good_region(amount)) {
        const Parameter& p = study_.space()[range.parameter];
        std::string values;
        for (const double choice : range.choices)
            values += (values.empty() ? "" : ", ") + value_text(p, choice);
        if (p.kind != ParameterKind::categorical)
            values = value_text(p, range.low) + " to " + value_text(p, range.high);
        rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"number\">{}</td></tr>\n",
                            breakable_html(p.name), safe(values), percent(range.share));
    }
    if (rows.empty()) return "";
    return "<div class=\"block\"><h3>Where good values lie</h3>\n<div "
           "class=\"scroll\"><table><thead><tr><th>parameter</th><th>range"
           "</th><th class=\"number\">of its range</th></tr></thead><tbody>\n" +
           rows + "</tbody></table></div>\n" +
           fmt::format(
               "<p class=\"note\">Ranges of the configurations that are believed to be as good as the "
               "best but for {}, a tenth of what lies between the best and the median trial{}.</p></div>\n",
               short_number(amount, 3),
               study_.outcome_constraints().empty()
                   ? ""
                   : ", and to keep the bounds with a chance of at least a half");
}

std::string ReportModel::words_of(const Modelled& modelled) const {
    const std::string& metric = study_.objectives()[modelled.objective].metric;
    std::string rows;
    for (const BelievedBest& best : modelled.best)
        rows += fmt::format(
            "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td "
            "class=\"number\">{}</td><td>{}</td><td "
            "class=\"number\">{}</td></tr>\n",
            best.trial, short_number(study_.value(study_.trial(best.trial), modelled.objective)),
            short_number(best.believed.middle), interval(best.believed), percent(best.chance_best));
    const ForecastQuality quality = modelled.model.quality();
    std::string text = "<div class=\"block\"><h3>" + safe(metric) +
                       ": trials believed to be the best</h3>\n"
                       "<div class=\"scroll\"><table><thead><tr><th>trial</th><th "
                       "class=\"number\">seen</th><th class=\"number\">believed"
                       "</th><th>95 % interval</th><th class=\"number\">chance that none is "
                       "better</th></tr></thead><tbody>\n" +
                       rows + "</tbody></table></div>\n";
    const double by = 0.01 * std::abs(modelled.best.front().believed.middle);
    text += fmt::format(
        "<p class=\"note\">What is believed is the mean of many repetitions: the best value seen is partly "
        "luck. "
        "The chance that some configuration is better by more than 1 % is {}. From the other trials the "
        "model "
        "foretells each with a rank correlation of {:.2f}{}; {} of the values lie in its 95 % "
        "intervals.</p></div>\n",
        percent(modelled.model.chance_of_improvement(by)), quality.rank_correlation,
        quality.rank_correlation < 0.3 ? ", too little to be trusted yet" : "", percent(quality.covered));
    return text;
}

std::string ReportModel::html() const {
    if (empty()) return "";
    std::string body;
    for (const Modelled& modelled : objectives_)
        body += "<div class=\"columns\">" + words_of(modelled) + region_of(modelled) + "</div>\n";
    return section_html("model", "What the model believes", body + "<div class=\"host\"></div>\n");
}

}  // namespace attune::detail
