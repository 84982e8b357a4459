#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "attune/strategy/cma_state.hpp"
#include "support/shared_data.hpp"

namespace {

using attune::CmaState;
using Json = nlohmann::json;

CmaState::Vector vector_of(const Json& json) {
    const auto values = json.get<std::vector<double>>();
    return Eigen::Map<const CmaState::Vector>(values.data(), static_cast<Eigen::Index>(values.size()));
}

void check_near(double found, double expected) {
    CHECK(std::abs(found - expected) <= 1e-6 * std::abs(expected) + 1e-12);
}

void check_near(const CmaState::Vector& found, const CmaState::Vector& expected, const char* what) {
    INFO(what);
    REQUIRE(found.size() == expected.size());
    for (Eigen::Index i = 0; i < found.size(); ++i) check_near(found[i], expected[i]);
}

void check_constants(const attune::CmaConstants& found, const Json& expected) {
    CHECK(found.mu == expected.at("mu").get<int>());
    const std::pair<const char*, double> numbers[] = {
        {"mu_eff", found.mu_eff},   {"c1", found.c1}, {"cmu", found.cmu},     {"c_sigma", found.c_sigma},
        {"d_sigma", found.d_sigma}, {"cc", found.cc}, {"chi_n", found.chi_n}, {"cm", found.cm}};
    for (const auto& [name, value] : numbers) {
        INFO(name);
        check_near(value, expected.at(name));
    }
    check_near(found.weights, vector_of(expected.at("weights")), "weights");
}

CmaState::Matrix from_best_to_worst(const Json& generation) {
    const auto values = generation.at("values").get<std::vector<double>>();
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    CmaState::Matrix sorted(static_cast<Eigen::Index>(generation.at("solutions").at(0).size()),
                            static_cast<Eigen::Index>(order.size()));
    for (std::size_t i = 0; i < order.size(); ++i)
        sorted.col(static_cast<Eigen::Index>(i)) = vector_of(generation.at("solutions").at(order[i]));
    return sorted;
}

}  // namespace

TEST_CASE("told the reference populations, the distribution goes through the reference states") {
    const auto path = attune::test::shared("fixtures/hpo/cmaes.json");
    if (!path) return;
    const Json file = Json::parse(std::ifstream(*path));
    for (const Json& run : file.at("runs")) {
        CmaState state(vector_of(run.at("initial_mean")), run.at("initial_sigma"), run.at("population"));
        check_constants(state.constants(), run.at("parameters"));
        for (const Json& generation : run.at("generations")) {
            state.tell(from_best_to_worst(generation));
            CAPTURE(state.generation());
            const Json& after = generation.at("after");
            check_near(state.mean(), vector_of(after.at("mean")), "mean");
            check_near(state.sigma(), after.at("sigma"));
            check_near(state.path_sigma(), vector_of(after.at("p_sigma")), "p_sigma");
            check_near(state.path_covariance(), vector_of(after.at("p_c")), "p_c");
            for (Eigen::Index i = 0; i < state.mean().size(); ++i)
                check_near(state.covariance().col(i),
                           vector_of(after.at("covariance").at(static_cast<std::size_t>(i))), "covariance");
        }
        attune::test::count_run();
    }
}
