#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attune/analyse/importance.hpp"
#include "support/problems.hpp"
#include "support/shared_data.hpp"

namespace {

using Json = nlohmann::json;
using namespace attune;

/// From words such as "float log [1e-4,1e-1]", "int [1,6]" or "categorical sgd/adam/rmsprop".
Parameter parameter_of(const std::string& name, const std::string& words) {
    Parameter parameter;
    parameter.name = name;
    std::istringstream stream(words);
    std::string type, word;
    stream >> type;
    if (type == "categorical") {
        parameter.kind = ParameterKind::categorical;
        stream >> word;
        std::istringstream choices(word);
        for (std::string choice; std::getline(choices, choice, '/');) parameter.choices.emplace_back(choice);
        return parameter;
    }
    parameter.kind = type == "int" ? ParameterKind::integer : ParameterKind::continuous;
    while (stream >> word) {
        if (word == "log") parameter.scale = Scale::log;
        if (word.front() != '[') continue;
        const auto comma = word.find(',');
        parameter.low = std::stod(word.substr(1));
        parameter.high = std::stod(word.substr(comma + 1));
    }
    return parameter;
}

std::vector<std::string> names_of(const std::string& columns) {
    std::vector<std::string> names;
    std::istringstream stream(columns.substr(0, columns.find(' ')));
    for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
    names.pop_back();  // the value
    return names;
}

Study study_of(const Json& item) {
    const std::vector<std::string> names = names_of(item.at("columns"));
    SearchSpace space;
    for (const std::string& name : names) space.declare(parameter_of(name, item.at("space").at(name)));
    const bool down = item.at("columns").get<std::string>().find("maximis") == std::string::npos;
    test::StudyScript script(space, down ? minimize("value") : maximize("value"));
    for (const Json& row : item.at("trials")) {
        event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(script.study.trials().size());
        for (std::size_t j = 0; j < names.size(); ++j) {
            const Json& cell = row.at(j);
            Value value = cell.is_string()           ? Value(cell.get<std::string>())
                          : cell.is_number_integer() ? Value(cell.get<std::int64_t>())
                                                     : Value(cell.get<double>());
            suggested.configuration.emplace_back(names[j], std::move(value));
        }
        const std::int64_t number = suggested.trial;
        script.apply(std::move(suggested), static_cast<double>(number));
        script.tell(number, row.back().get<double>(), static_cast<double>(number));
    }
    return script.study;
}

void check_forest(const Study& study, ImportanceMethod method, const Json& expected) {
    for (const std::uint64_t seed : {0, 1, 2}) {
        const Importance found = importance(study, {.method = method, .resamples = 0, .seed = seed});
        for (const ParameterImportance& p : found.parameters) {
            INFO(to_string(method) << " of " << p.name << ", seed " << seed);
            CHECK(p.share >= expected.at(p.name).at("min").get<double>() - 0.05);
            CHECK(p.share <= expected.at(p.name).at("max").get<double>() + 0.05);
        }
    }
}

void check_exact(const Study& study, const Json& expected, const Json& settings) {
    ImportanceOptions options{.method = ImportanceMethod::ped_anova, .resamples = 0};
    options.best_share = settings.value("target_quantile", 0.1);
    options.region_share = settings.value("region_quantile", 1.0);
    for (const ParameterImportance& p : importance(study, options).parameters) {
        INFO("ped_anova of " << p.name);
        CHECK(p.share == doctest::Approx(expected.at(p.name).get<double>()).epsilon(1e-6));
    }
}

}  // namespace

TEST_CASE("importances agree with the reference ones") {
    const auto path = test::shared("fixtures/hpo/importance.json");
    if (!path) return;
    const Json file = Json::parse(std::ifstream(*path));
    for (const Json& item : file.at("studies")) {
        INFO(item.at("name").get<std::string>());
        const Study study = study_of(item);
        const Json& importances = item.at("importances_normalised_to_sum_1");
        for (const auto& [method, expected] : importances.items()) {
            if (method == "fanova")
                check_forest(study, ImportanceMethod::fanova, expected);
            else if (method == "mean_decrease_impurity")
                check_forest(study, ImportanceMethod::mean_decrease, expected);
            else if (method == "ped_anova")
                check_exact(study, expected, importances.value("ped_anova_settings", Json::object()));
            else if (!method.ends_with("_settings"))
                test::count_skip("importance " + method, "a method that is not known here");
        }
        test::count_run();
    }
}
