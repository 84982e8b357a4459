#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/patience.hpp"
#include "curve_runs.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using nlohmann::json;
using test::CurveRuns;

namespace {

void check_median_rule(const json& c) {
    const MedianRule rule{
        {.minimum_trials = c.at("minimum_trials_in_pool").get<int>(),
         .pool = c.at("pool") == "completed_only" ? TrialPool::completed : TrialPool::all_earlier}};
    CurveRuns trials(direction_from(c.at("direction").get<std::string>()), rule);
    for (std::size_t k = 0; k < c.at("curves").size(); ++k) {
        INFO(c.at("pool").dump(), " minimum ", c.at("minimum_trials_in_pool").dump(), " trial ", k);
        CHECK(trials.run(test::fixture_numbers(c.at("curves")[k]), 1) ==
              test::step_or_none(c.at("stopped_at_epoch")[k]));
    }
}

void check_patience(const json& c) {
    const Patience policy{{.patience = std::max(1, c.at("patience").get<int>()),
                           .minimum_change = c.at("min_delta").get<double>()}};
    CurveRuns trials(c.at("mode") == "min" ? Direction::minimize : Direction::maximize, policy);
    INFO(c.dump());
    CHECK(trials.run(test::fixture_numbers(c.at("values")), 0) == test::step_or_none(c.at("stop_epoch")));
}

}  // namespace

TEST_CASE("the median rule and patience decide as the reference values say") {
    const auto folder = test::shared("fixtures/stopping");
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        if (entry.path().extension() != ".json") continue;
        const json file = json::parse(std::ifstream(entry.path()));
        for (const json& c : file.value("median_rule", json::array())) {
            check_median_rule(c);
            test::count_run();
        }
        for (const json& c : file.value("patience", json::array())) {
            check_patience(c);
            test::count_run();
        }
    }
}
