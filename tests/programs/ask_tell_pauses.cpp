#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "run_attune.hpp"
#include "support/shared_data.hpp"

using attune::test::Attune;
using attune::test::lines_of;
using Json = nlohmann::ordered_json;

namespace {

const std::string create =
    R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], "objectives": [{"metric": "loss", "direction": "minimize"}], "strategy": {"name": "hyperband", "options": {"maximum_resource": 3}}, "resumable": true, "seed": 1}})";

std::string report(int trial, int step, double loss) {
    return Json{{"report", {{"trial", trial}, {"step", step}, {"metrics", {{"loss", loss}}}}}}.dump();
}

}  // namespace

TEST_CASE("ask-tell: trials pause where the strategy says and are asked for again") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    std::string session = create + "\n" + R"({"ask": {"count": 3}})" + "\n";
    for (int i = 0; i < 3; ++i) session += report(i, 1, 3 - i) + "\n";
    session += R"({"tell": {"trial": 1, "metrics": {}}})"
               "\n"
               R"({"ask": {}})"
               "\n" +
               report(2, 2, 0.5) + "\n" + report(2, 3, 0.25) + "\n" +
               R"({"tell": {"trial": 2, "metrics": {}}})" + "\n" + R"({"trials": {}})" + "\n";
    REQUIRE(attune.run({"ask-tell"}, session) == 0);
    const auto answers = lines_of(attune.out());
    REQUIRE(answers.size() == 11);
    for (const Json& asked : Json::parse(answers[1])["asked"]) {
        CHECK(asked["until"] == 1);
        CHECK(!asked.contains("resume"));
    }
    for (std::size_t i = 2; i < 5; ++i)
        CHECK(answers[i] == R"({"decision":"pause","reason":"has come to step 1, as far as it was to go"})");
    CHECK(answers[5] == R"({"told":1,"paused":true,"best":{"trial":2,"metrics":{"loss":1}}})");
    const Json again = Json::parse(answers[6])["asked"][0];
    CHECK(again["trial"] == 2);
    CHECK(again["resume"] == true);
    CHECK(!again.contains("until"));
    CHECK(again["reason"] ==
          "loss is among the best 1 of 3 at the rung of step 1 of bracket 0; goes on after step 1");
    CHECK(answers[7] == R"({"decision":"proceed"})");
    CHECK(answers[9] == R"({"told":2,"best":{"trial":2,"metrics":{"loss":0.25}}})");
    const Json trials = Json::parse(answers[10])["trials"];
    CHECK(trials[0]["state"] == "paused");
    CHECK(trials[2]["state"] == "completed");
    CHECK(trials[2]["reports"].size() == 3);
}

TEST_CASE("ask-tell: a strategy that pauses is refused where trials cannot") {
    const attune::test::TemporaryFolder folder;
    Attune attune(folder.path());
    std::string refused = create;
    refused.replace(refused.find(R"("resumable": true)"), 17, R"("resumable": false)");
    REQUIRE(attune.run({"ask-tell"}, refused + "\n") == 0);
    const Json error = Json::parse(lines_of(attune.out())[0])["error"];
    CHECK(error["kind"] == "invalid_option");
    CHECK(error["message"].get<std::string>().find("strategy hyperband") == 0);
}
