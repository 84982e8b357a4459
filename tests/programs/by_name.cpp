#include <doctest/doctest.h>

#include "attune/core.hpp"
#include "attune/stopping/by_name.hpp"
#include "attune/strategy/by_name.hpp"

using namespace attune;

TEST_CASE("strategies are made by name, and a wrong name or option lists the known ones") {
    const StrategyRegistry registry = StrategyRegistry::standard();
    for (const std::string& name : registry.names()) CHECK(registry.make(name).name() == name);
    CHECK(registry.make("tree_parzen").name() == "tpe");  // as studies of earlier versions call it
    CHECK_THROWS_WITH_AS((void)registry.make("gird"),
                         doctest::Contains("strategy 'gird' is unknown; known: "), UnknownName);
    CHECK_THROWS_WITH_AS(
        (void)registry.make("grid", {{"level", std::int64_t{3}}}),
        "grid: option 'level' is unknown; known: levels, levels_of.<parameter>; did you mean 'levels'?",
        InvalidOption);
    CHECK_THROWS_WITH_AS((void)registry.make("random", {{"levels", std::int64_t{3}}}),
                         "random: option 'levels' is unknown; known: none", InvalidOption);
    CHECK_THROWS_WITH_AS((void)registry.make("grid", {{"levels", 2.5}}),
                         "grid: levels (2.5) must be a whole number", InvalidOption);
    CHECK_THROWS_WITH_AS((void)registry.make("grid", {{"levels", std::string("3")}}),
                         "grid: levels (3) must be a number", InvalidOption);
    CHECK_THROWS_AS((void)registry.make("grid", {{"levels", std::int64_t{0}}}), InvalidOption);
}

TEST_CASE("options reach the strategy") {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.continuous("y", 0, 1);
    const AnyStrategy grid = StrategyRegistry::standard().make(
        "grid", {{"levels", std::int64_t{3}}, {"levels_of.y", std::int64_t{2}}});
    Tuner tuner{space, minimize("loss"), grid};
    CHECK(tuner.run({.max_trials = 100}, [](Trial&) { return 1.0; }).study().trials().size() == 6);
}

TEST_CASE("a registry takes strategies and policies of one's own") {
    StrategyRegistry strategies;
    strategies.add("mine", [](const auto&) { return AnyStrategy(RandomSearch{}); });
    CHECK(strategies.names() == std::vector<std::string>{"mine"});
    CHECK(strategies.make("mine").name() == "random");
    CHECK_THROWS_AS((void)strategies.make("random"), UnknownName);
}

TEST_CASE("stopping policies are made by name, and a wrong name or option lists the known ones") {
    const StoppingPolicyRegistry registry = StoppingPolicyRegistry::standard();
    for (const std::string& name : registry.names()) CHECK(registry.make(name).name() == name);
    CHECK_THROWS_WITH_AS((void)registry.make("on"),
                         doctest::Contains("stopping policy 'on' is unknown; known: "), UnknownName);
    CHECK_THROWS_WITH_AS((void)registry.make("patience", {{"step", 1.0}}),
                         "patience: option 'step' is unknown; known: metric, minimum_change, patience",
                         InvalidOption);
    CHECK_THROWS_WITH_AS(
        (void)registry.make("median", {{"pool", std::string("all")}}),
        "median: pool (all) must be one of: all_earlier, completed; did you mean 'all_earlier'?",
        InvalidOption);
    CHECK_THROWS_AS((void)registry.make("median", {{"minimum_trials", std::int64_t{0}}}), InvalidOption);
}
