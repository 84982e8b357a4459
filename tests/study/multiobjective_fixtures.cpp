#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "attune/study/pareto.hpp"
#include "support/shared_data.hpp"

// Reference values of other implementations: every file of the folder that says it is of this kind, every
// case of it.
namespace {

using attune::Losses;
using Json = nlohmann::json;

double number(const Json& json) {
    return json.is_string() ? (json == "inf" ? std::numeric_limits<double>::infinity()
                                             : std::stod(json.get<std::string>()))
                            : json.get<double>();
}

void check_hypervolume(const Json& item) {
    const auto points = item.at("points_minimise").get<std::vector<Losses>>();
    const auto reference = item.at("reference").get<Losses>();
    CHECK(attune::hypervolume(points, reference) ==
          doctest::Approx(item.at("hypervolume").get<double>()).epsilon(1e-10));
    if (!item.contains("exclusive_contributions")) return;
    const auto expected = item.at("exclusive_contributions").get<std::vector<double>>();
    const auto found = attune::exclusive_contributions(points, reference);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(found[i] - expected[i]) < 1e-10);
}

void check_crowding(const std::vector<Losses>& points, const std::string& front, const Json& item) {
    INFO("front " << front);
    const auto indices = item.at("indices").get<std::vector<std::size_t>>();
    const auto found = attune::crowding_distances(points, indices);
    for (std::size_t i = 0; i < indices.size(); ++i) {
        INFO("point " << indices[i]);
        const double expected = number(item.at("distance").at(i));
        if (std::isinf(expected))
            CHECK(found[i] == expected);
        else
            CHECK(found[i] == doctest::Approx(expected).epsilon(1e-10));
    }
}

void check_sort(const Json& item) {
    const auto points = item.at("points_minimise").get<std::vector<Losses>>();
    const attune::NondominatedSort sort = attune::nondominated_sort(points);
    auto fronts = item.at("fronts").get<std::vector<std::vector<std::size_t>>>();
    for (auto& front : fronts) std::sort(front.begin(), front.end());
    CHECK(sort.fronts == fronts);
    CHECK(sort.rank == item.at("rank").get<std::vector<std::size_t>>());
    CHECK(sort.domination_count == item.at("domination_count").get<std::vector<std::size_t>>());
    CHECK(attune::pareto_indices(points) == fronts.front());
    CHECK(attune::ideal_point(points) == item.at("ideal").get<Losses>());
    CHECK(attune::nadir_point(points) == item.at("nadir_of_front0").get<Losses>());
    for (const auto& [front, crowding] : item.at("crowding_distance_per_front").items())
        check_crowding(points, front, crowding);
}

/// Lists named like "accuracy_maximise" are objectives, `on_frontier` the answer.
void check_frontier(const Json& item) {
    const auto expected = item.at("on_frontier").get<std::vector<bool>>();
    std::vector<Losses> points(expected.size());
    for (const auto& [key, values] : item.items()) {
        if (key == "on_frontier") continue;
        const bool maximise = key.ends_with("_maximise");
        REQUIRE((maximise || key.ends_with("_minimise")));
        for (std::size_t i = 0; i < points.size(); ++i)
            points[i].push_back(values.at(i).get<double>() * (maximise ? -1 : 1));
    }
    std::vector<bool> found(points.size(), false);
    for (const std::size_t i : attune::pareto_indices(points)) found[i] = true;
    CHECK(found == expected);
}

void check_all(const Json& items, void (*check)(const Json&)) {
    for (std::size_t i = 0; i < items.size(); ++i) {
        INFO("case " << i);
        check(items[i]);
        attune::test::count_run();
    }
}

void check_file(const Json& file) {
    for (const auto& [key, items] : file.items()) {
        INFO(key);
        if (key == "hypervolume")
            check_all(items, check_hypervolume);
        else if (key == "nondominated_sort")
            check_all(items, check_sort);
        else if (key.ends_with("frontier"))
            check_all(items.is_array() ? items : Json::array({items}), check_frontier);
        else if (items.is_structured() && key != "versions")
            attune::test::count_skip("multiobjective " + key, "a kind of case that this test does not know");
    }
}

}  // namespace

TEST_CASE("fronts, crowding and hypervolumes agree with the reference values") {
    const auto folder = attune::test::shared("fixtures/hpo");
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        if (entry.path().extension() != ".json") continue;
        std::ifstream stream(entry.path());
        const Json file = Json::parse(stream, nullptr, false);
        const std::string kind =
            file.is_object() && file.contains("fixture") ? file["fixture"].get<std::string>() : "";
        if (kind.find("multiobjective") == std::string::npos &&
            entry.path().stem().string().find("multiobjective") == std::string::npos)
            continue;
        INFO(entry.path().filename().string());
        check_file(file);
    }
}
