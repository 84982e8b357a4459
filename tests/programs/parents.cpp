#include <doctest/doctest.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "programs/run_attune.hpp"
#include "support/shared_data.hpp"

namespace {

using Json = nlohmann::json;
using namespace attune::test;

/// Asks and tells |x - 0.7| so many times, and gives what was asked.
std::vector<Json> ask_and_tell(Attune& attune, const std::string& storage, const std::string& parents,
                               int trials, const std::string& strategy = "random",
                               const std::string& high = "1", const std::string& step = "") {
    std::string session =
        R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": )" + high + step +
        R"(}], "objectives": [{"metric": "loss", "direction": "minimize"}], "strategy": ")" + strategy +
        R"(", "parents": )" + parents + R"(, "storage": ")" + storage + "\"}}\n";
    // Values are told by what the study itself says it asked: one request at a time, in one process each.
    std::vector<Json> asked;
    for (int i = 0; i < trials; ++i) {
        REQUIRE(attune.run({"ask-tell"}, session + "{\"ask\": {}}\n") == 0);
        const auto lines = lines_of(attune.out());
        const Json answer = Json::parse(lines.back());
        REQUIRE_MESSAGE(answer.contains("asked"), attune.out());
        if (answer.at("asked").empty()) break;
        const Json& trial = answer.at("asked").at(0);
        asked.push_back(trial);
        const double loss = std::abs(trial.at("configuration").at("x").get<double>() - 0.7);
        REQUIRE(attune.run({"ask-tell"},
                           session +
                               fmt::format(R"({{"tell": {{"trial": {}, "metrics": {{"loss": {}}}}}}})",
                                           trial.at("trial").get<int>(), loss) +
                               "\n") == 0);
    }
    return asked;
}

}  // namespace

TEST_CASE("a study begins with what was good in its parents and their parents") {
    const TemporaryFolder folder;
    Attune attune(folder.path());
    (void)ask_and_tell(attune, "a.attune", "[]", 12);
    const auto second = ask_and_tell(attune, "b.attune", R"(["a.attune"])", 5);
    CHECK(second[0].at("reason").get<std::string>().find("of 'a', by the ranks of 1 of 1 earlier studies") !=
          std::string::npos);
    CHECK(std::abs(second[0].at("configuration").at("x").get<double>() - 0.7) < 0.25);
    const auto third = ask_and_tell(attune, "c.attune", R"(["b.attune"])", 1);
    CHECK(third[0].at("reason").get<std::string>().find("2 earlier studies") != std::string::npos);
    // Replays give the same, also when the parent has grown since.
    CHECK(attune.run({"replay", "b.attune"}) == 0);
    (void)ask_and_tell(attune, "a.attune", "[]", 3);
    CHECK(attune.run({"replay", "b.attune"}) == 0);
}

TEST_CASE("trials of a parent of the same task count") {
    const TemporaryFolder folder;
    Attune attune(folder.path());
    const std::string step = R"(, "step": 0.125)";
    std::set<double> seen;
    for (const Json& trial : ask_and_tell(attune, "a.attune", "[]", 4, "random", "1", step))
        seen.insert(trial.at("configuration").at("x").get<double>());
    CHECK(seen.size() == 4);
    const auto rest = ask_and_tell(attune, "b.attune", R"([{"study": "a.attune", "task": "same"}])", 20,
                                   "random", "1", step);
    CHECK(rest.size() == 5);  // of nine values, those that the parent did not ask
    for (const Json& trial : rest) CHECK(seen.insert(trial.at("configuration").at("x").get<double>()).second);
    CHECK(attune.run({"replay", "b.attune"}) == 0);
    // A second round over a narrower range.
    const auto narrow =
        ask_and_tell(attune, "c.attune", R"([{"study": "a.attune", "task": "same"}])", 3, "tpe", "0.75");
    for (const Json& trial : narrow) CHECK(trial.at("configuration").at("x").get<double>() <= 0.75);
}

TEST_CASE("a parent that cannot be one is refused") {
    const TemporaryFolder folder;
    Attune attune(folder.path());
    (void)ask_and_tell(attune, "a.attune", "[]", 1);
    const auto refusal = [&](const std::string& parents) {
        REQUIRE(
            attune.run(
                {"ask-tell"},
                R"({"create": {"space": [{"name": "x", "type": "continuous", "low": 0, "high": 1}], "objectives": [{"metric": "loss", "direction": "minimize"}], "parents": )" +
                    parents + R"(, "storage": "a.attune"}})" + "\n") == 0);
        return Json::parse(lines_of(attune.out()).at(0)).at("error").at("message").get<std::string>();
    };
    CHECK(refusal(R"(["missing.attune"])").find("missing.attune") != std::string::npos);
    CHECK(refusal(R"(["a.attune"])").find("it cannot learn from itself") != std::string::npos);
    CHECK(refusal(R"([{"study": "a.attune", "task": "twin"}])") ==
          "parents: task 'twin' is unknown; known: related, same");
}
