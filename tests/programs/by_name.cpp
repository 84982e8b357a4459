#include <doctest/doctest.h>

#include "attune/core.hpp"
#include "attune/stopping/by_name.hpp"
#include "attune/strategy/by_name.hpp"

using namespace attune;

TEST_CASE("strategies are made by name, and a wrong name or option lists the known ones") {
    const StrategyRegistry registry = StrategyRegistry::standard();
    for (const std::string& name : registry.names()) {
        StrategyRegistry::Options needed;  // those without a default
        if (name == "freeze_thaw") needed = {{"horizon", 27.0}};
        if (name == "finalists") needed = {{"trials", std::int64_t{20}}};
        CHECK(registry.make(name, needed).name() == name);
    }
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
                         "grid: levels is the text \"3\"; it must be a number, without quotation marks",
                         InvalidOption);
    CHECK_THROWS_WITH_AS(
        (void)registry.make("freeze_thaw"),
        "freeze_thaw: needs the option 'horizon', the step at which a trial is fully trained, "
        "such as horizon=50",
        InvalidOption);
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
    CHECK_THROWS_WITH_AS(
        (void)registry.make("patience", {{"step", 1.0}}),
        "patience: option 'step' is unknown; known: after, at_least, direction, metric, minimum_change, "
        "objectives, patience",
        InvalidOption);
    CHECK_THROWS_WITH_AS(
        (void)registry.make("median", {{"pool", std::string("all")}}),
        "median: pool (all) must be one of: all_earlier, completed; did you mean 'all_earlier'?",
        InvalidOption);
    CHECK_THROWS_AS((void)registry.make("median", {{"minimum_trials", std::int64_t{0}}}), InvalidOption);
}

TEST_CASE("options of policies inside others, and what keeps a policy silent at first") {
    const StoppingPolicyRegistry registry = StoppingPolicyRegistry::standard();
    const AnyStoppingPolicy both = registry.make("any_of", {{"policies", std::string("median, patience")},
                                                            {"median.minimum_trials", std::int64_t{1}},
                                                            {"patience.patience", std::int64_t{2}}});
    CHECK(both.name() == "any_of");
    CHECK_THROWS_WITH_AS((void)registry.make("any_of", {{"policies", std::string("median")},
                                                        {"patience.patience", std::int64_t{2}}}),
                         doctest::Contains("any_of: option 'patience.patience' is unknown"), InvalidOption);
    CHECK_THROWS_WITH_AS((void)registry.make("all_of", {{"policies", std::string("medan")}}),
                         doctest::Contains("stopping policy 'medan' is unknown"), UnknownName);
    CHECK_THROWS_WITH_AS((void)registry.make("patient", {{"policy", std::string("median")},
                                                         {"median.pool", std::string("some")}}),
                         doctest::Contains("median: pool (some)"), InvalidOption);
    CHECK_THROWS_WITH_AS(
        (void)registry.make("median", {{"metric", std::string("loss")}, {"objectives", std::string("any")}}),
        doctest::Contains("must not be given together with objectives"), InvalidOption);
    CHECK(registry.make("hyperband", {{"kind", std::string("pause")}}).wants_pauses());
    CHECK(registry
              .make("any_of", {{"policies", std::string("successive_halving")},
                               {"successive_halving.kind", std::string("pause")}})
              .wants_pauses());
    CHECK(!registry.make("successive_halving").wants_pauses());
    CHECK(registry.make("curve_prediction").wants_pauses());
    CHECK(!registry.make("curve_prediction", {{"pauses", false}}).wants_pauses());

    AnyStoppingPolicy late = registry.make("threshold", {{"upper", 1.0}, {"after", 3.0}});
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    Tuner tuner{space, minimize("loss"), late};
    auto trial = tuner.ask();
    CHECK(trial->report(3, 9) == Decision::proceed);
    CHECK(trial->report(4, 9) == Decision::stop);
    trial->tell(Metrics{});
}

TEST_CASE("strategies that pause take another one for where trials begin") {
    const StrategyRegistry registry = StrategyRegistry::standard();
    CHECK(registry
              .make("hyperband", {{"begins", std::string("tree_parzen")},
                                  {"begins.initial_trials", std::int64_t{3}},
                                  {"maximum_resource", 27.0}})
              .needs_pauses());
    CHECK(!registry.make("random").needs_pauses());
    CHECK_THROWS_WITH_AS((void)registry.make("asynchronous_halving", {{"begins.levels", std::int64_t{3}}}),
                         "random: option 'levels' is unknown; known: none", InvalidOption);
    CHECK_THROWS_WITH_AS((void)registry.make("hyperband", {{"begins", std::string("magic")}}),
                         doctest::Contains("strategy 'magic' is unknown"), UnknownName);
}
