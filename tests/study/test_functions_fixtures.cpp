#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/study/pareto.hpp"
#include "support/shared_data.hpp"
#include "support/test_functions_multi.hpp"

// The problems on which strategies and optimisers are tried are those that everybody else means.
namespace {

using attune::test::Vector;
using Json = nlohmann::json;

void check_near(double found, double expected, double relative, double absolute) {
    INFO("expected " << expected);
    CHECK(std::abs(found - expected) <= relative * std::abs(expected) + absolute);
}

/// Where the literature puts the optima: rounded to a few digits, like their value.
void check_optima(const Json& item, const attune::test::TestFunction& f) {
    if (!item.contains("optimizers") || item.at("optimizers").is_null()) return;
    for (const Json& x : item.at("optimizers"))
        check_near(f(x.get<Vector>()), item.at("optimal_value"), 1e-4, 1e-4);
}

void check_single(const Json& item) {
    const std::string name = item.at("function");
    const auto f = attune::test::test_function(name);
    if (!f) return attune::test::count_skip("test_functions, " + name, "no such function here");
    for (std::size_t i = 0; i < item.at("X").size(); ++i)
        check_near(f(item.at("X")[i].get<Vector>()), item.at("f")[i], 1e-9, 1e-9);
    check_optima(item, f);
    attune::test::count_run();
}

void check_multi(const Json& item) {
    const std::string name = item.at("function");
    const auto f = attune::test::test_problem(name);
    if (!f) return attune::test::count_skip("test_functions, " + name, "no such problem here");
    const std::size_t objectives = item.at("objectives");
    std::vector<Vector> points;
    for (std::size_t i = 0; i < item.at("X").size(); ++i) {
        const Vector found = f(item.at("X")[i].get<Vector>(), objectives);
        const auto expected = item.at("f")[i].get<Vector>();
        REQUIRE(found.size() == expected.size());
        for (std::size_t k = 0; k < found.size(); ++k) check_near(found[k], expected[k], 1e-9, 1e-9);
        points.push_back(found);
    }
    if (item.contains("max_hv") && item.at("max_hv").is_number())
        CHECK(attune::hypervolume(points, item.at("reference_point").get<Vector>()) <=
              item.at("max_hv").get<double>() * (1 + 1e-9));
    attune::test::count_run();
}

}  // namespace

TEST_CASE("test functions have the reference values, at the reference optima too") {
    const auto path = attune::test::shared("fixtures/hpo/test_functions.json");
    if (!path) return;
    const Json file = Json::parse(std::ifstream(*path));
    for (const auto& [key, items] : file.items()) {
        if (key != "single" && key != "multi") continue;
        for (const Json& item : items) {
            INFO(item.at("function").get<std::string>());
            key == "single" ? check_single(item) : check_multi(item);
        }
    }
}
