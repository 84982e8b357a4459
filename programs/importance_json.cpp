#include "importance_json.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "attune/analyse/importance.hpp"

namespace attune::program {
namespace {

Json shares_json(const SearchSpace& space, const Importance& importance) {
    Json out = Json::object();
    for (const Parameter& parameter : space.parameters())
        for (const ParameterImportance& found : importance.parameters)
            if (found.name == parameter.name) out[found.name] = found.share;
    return out;
}

Json details_json(const SearchSpace& space, const Importance& importance) {
    Json intervals = Json::object();
    for (const Parameter& parameter : space.parameters())
        for (const ParameterImportance& found : importance.parameters)
            if (found.name == parameter.name) intervals[found.name] = {found.low, found.high};
    Json out{{"method", to_string(importance.method)},
             {"trials", importance.trials},
             {"intervals", std::move(intervals)},
             {"believed", importance.believed},
             {"trials_needed", importance.trials_needed}};
    if (std::isfinite(importance.explained)) out["explained"] = importance.explained;
    return out;
}

/// Every parameter with 0: nothing is known yet.
Json nothing_known(const SearchSpace& space) {
    Json shares = Json::object();
    for (const Parameter& parameter : space.parameters()) shares[parameter.name] = 0.0;
    return Json{{"importance", std::move(shares)}};
}

}  // namespace

std::size_t objective_index(const Study& study, const std::string& metric) {
    if (metric.empty()) return 0;
    std::string known;
    for (std::size_t k = 0; k < study.objectives().size(); ++k) {
        if (study.objectives()[k].metric == metric) return k;
        known += (known.empty() ? "" : ", ") + study.objectives()[k].metric;
    }
    throw UnknownName("objective '" + metric + "' is unknown; known: " + known);
}

Json importance_json(const Study& study, const std::string& method, const std::string& metric, bool details) {
    ImportanceOptions options{.method = importance_method_from(method),
                              .objective = objective_index(study, metric)};
    if (!details) options.resamples = 0;
    if (importance_trials(study, options.objective) < least_importance_trials)
        return nothing_known(study.space());
    const Importance all = importance(study, options);
    Json out{{"importance", shares_json(study.space(), all)}};
    if (!details) return out;
    out.update(details_json(study.space(), all));
    Json branches = Json::array();
    for (const Importance& branch : branch_importances(study, options)) {
        Json item{{"when", branch.branch}, {"importance", shares_json(study.space(), branch)}};
        item.update(details_json(study.space(), branch));
        branches.push_back(std::move(item));
    }
    if (!branches.empty()) out["branches"] = std::move(branches);
    return out;
}

}  // namespace attune::program
