#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/strategy/tree_parzen.hpp"
#include "support/shared_data.hpp"

// The reference estimators are those of ParzenKernels::full_gap, which the strategy uses where it is told to.
namespace {

using Json = nlohmann::json;
using namespace attune;

Value value_of(const Json& json) {
    if (json.is_string()) return json.get<std::string>();
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_integer()) return json.get<std::int64_t>();
    return json.get<double>();
}

SearchSpace space_of(const Json& parameters) {
    SearchSpace space;
    for (const auto& [name, json] : parameters.items()) {
        const std::string type = json.at("type");
        if (type == "CategoricalDistribution") {
            std::vector<std::string> choices;
            for (const Json& choice : json.at("choices"))
                choices.push_back(choice.is_string() ? choice.get<std::string>() : choice.dump());
            (void)space.categorical(name, choices);
            continue;
        }
        Parameter parameter;
        parameter.name = name;
        parameter.kind = type == "IntDistribution" ? ParameterKind::integer : ParameterKind::continuous;
        parameter.low = json.at("low");
        parameter.high = json.at("high");
        parameter.scale = json.at("log").get<bool>() ? Scale::log : Scale::linear;
        if (json.at("step").is_number()) parameter.step = json.at("step").get<double>();
        space.declare(parameter);
    }
    return space;
}

/// Columns by name as configurations.
std::vector<Configuration> rows_of(const SearchSpace& space, const Json& columns, std::size_t count) {
    std::vector<Configuration> rows;
    for (std::size_t r = 0; r < count; ++r) {
        event::Values values;
        for (const auto& [name, column] : columns.items()) {
            const Json& cell = column.at(r);
            const Parameter& parameter = space[space.schema().index(name)];
            if (parameter.kind == ParameterKind::categorical && cell.is_number() &&
                !std::holds_alternative<double>(parameter.choices.front()))
                values.emplace_back(name, parameter.choice(cell.get<double>()));  // by its index
            else if (parameter.kind == ParameterKind::integer)
                values.emplace_back(name, static_cast<std::int64_t>(std::llround(cell.get<double>())));
            else
                values.emplace_back(name, value_of(cell));
        }
        rows.push_back(space.configuration(values));
    }
    return rows;
}

/// What the reference's log densities, over natural logarithms, lack of ours, over decimal ones.
double decimal_excess(const SearchSpace& space) {
    const auto axes = std::ranges::count_if(
        space.parameters(), [](const Parameter& p) { return p.scale == Scale::log && !p.is_grid(); });
    return static_cast<double>(axes) * std::log(std::log(10.0));
}

void check_estimator(const Json& item) {
    const SearchSpace space = space_of(item.at("space"));
    const auto centres = rows_of(space, item.at("observations"), item.at("n_observations"));
    const TreeParzenOptions options;
    std::vector<double> weights = options.kernel_weights(centres.size());
    weights.push_back(1);
    const auto expected_weights = item.at("mixture_weights").get<std::vector<double>>();
    REQUIRE(weights.size() == expected_weights.size());
    double total = 0;
    for (const double weight : weights) total += weight;
    for (std::size_t k = 0; k < weights.size(); ++k)
        CHECK(weights[k] / total == doctest::Approx(expected_weights[k]).epsilon(1e-12));
    const detail::ParzenMixture mixture(space, centres, weights, ParzenKernels::full_gap);
    const auto expected = item.at("log_pdf").get<std::vector<double>>();
    const auto at = rows_of(space, item.at("x"), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        INFO(at[i].text());
        CHECK(mixture.log_density(at[i]) ==
              doctest::Approx(expected[i] + decimal_excess(space)).epsilon(1e-9));
    }
}

}  // namespace

TEST_CASE("Parzen estimators have the reference densities") {
    const auto path = test::shared("fixtures/hpo/tpe.json");
    if (!path) return;
    const Json file = Json::parse(std::ifstream(*path));
    std::size_t number = 0;
    for (const Json& item : file.at("estimators")) {
        CAPTURE(number++);
        CAPTURE(item.at("n_observations").get<int>());
        CAPTURE(item.at("space").dump());
        check_estimator(item);
        test::count_run();
    }
}

TEST_CASE("the number of good trials and the weights of kernels are the reference ones") {
    const auto path = test::shared("fixtures/hpo/tpe.json");
    if (!path) return;
    const Json file = Json::parse(std::ifstream(*path));
    const TreeParzenOptions share{.good_share = 0.1};
    const TreeParzenOptions root{.good_share = 0.25, .good_rule = GoodRule::root};
    for (const Json& item : file.at("gamma_and_weights")) {
        const std::size_t n = item.at("n");
        CAPTURE(n);
        CHECK(share.good_count(n) == item.at("default_gamma").get<std::size_t>());
        CHECK(root.good_count(n) == item.at("hyperopt_default_gamma").get<std::size_t>());
        if (item.at("default_weights").is_array()) {
            const auto expected = item.at("default_weights").get<std::vector<double>>();
            const auto found = share.kernel_weights(n);
            REQUIRE(found.size() == expected.size());
            for (std::size_t i = 0; i < n; ++i)
                CHECK(found[i] == doctest::Approx(expected[i]).epsilon(1e-12));
        }
        test::count_run();
    }
}
