// What the report says of a study's model.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "analyse/sample_studies.hpp"
#include "attune/analyse/report.hpp"

using Json = nlohmann::ordered_json;

namespace {

/// Trials of a bowl over a number, an integer and a choice.
attune::Study bowl(int trials, std::vector<attune::Objective> objectives) {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.integer("n", 1, 5);
    (void)space.categorical("kind", {"a", "b"});
    attune::test::StudyMaker maker(space, std::move(objectives));
    for (std::int64_t k = 0; k < trials; ++k) {
        const attune::Configuration c = maker.draw(k);
        const auto& v = c.native();
        const double loss = std::pow(v[0] - 0.4, 2) + 0.05 * std::abs(v[1] - 3) + 0.2 * v[2];
        maker.finish(maker.begin(c), attune::TrialState::completed, {{"loss", loss}, {"size", v[1]}});
    }
    return maker.study;
}

Json model_of(const std::string& page) {
    const std::string begin = "id=\"attune-data\">";
    const auto from = page.find(begin) + begin.size();
    return Json::parse(page.substr(from, page.find("</script>", from) - from)).at("model");
}

}  // namespace

TEST_CASE("from eight trials on the page says what a model believes") {
    const std::string few = attune::render_report(bowl(7, {attune::minimize("loss")}));
    CHECK(few.find("What the model believes") == std::string::npos);
    CHECK(model_of(few).empty());
    const std::string page = attune::render_report(bowl(30, {attune::minimize("loss")}));
    CHECK(page.find("What the model believes") != std::string::npos);
    CHECK(page.find("Where good values lie") != std::string::npos);
    const Json model = model_of(page);
    REQUIRE(model.size() == 1);
    CHECK(model[0]["objective"] == 0);
    REQUIRE(model[0]["slices"].size() == 3);
    for (const Json& slice : model[0]["slices"]) {
        const auto n = slice["at"].size();
        CHECK(n == (slice["parameter"] == 0 ? 41U : slice["parameter"] == 1 ? 5U : 2U));
        for (const char* what : {"middle", "low", "high"}) REQUIRE(slice[what].size() == n);
        for (std::size_t i = 0; i < n; ++i) CHECK(slice["low"][i] <= slice["high"][i]);
        if (slice["parameter"] == 2) CHECK(slice["at"] == Json{"a", "b"});
    }
    const Json& map = model[0]["map"];
    CHECK(map["rows"].size() == map["at_y"].size());
    for (const Json& row : map["rows"]) CHECK(row.size() == map["at_x"].size());
}

TEST_CASE("each objective has its model; an objective without values has none") {
    const Json model =
        model_of(attune::render_report(bowl(20, {attune::minimize("loss"), attune::minimize("size")})));
    REQUIRE(model.size() == 2);
    CHECK(model[1]["objective"] == 1);
    CHECK(model_of(attune::render_report(bowl(20, {attune::minimize("nothing")}))).empty());
}
