#include "attune/strategy/warm_start.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attune/strategy/hyperband.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "attune/tune/replay.hpp"
#include "support/errors.hpp"
#include "support/pausing_run.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::StrategyRun;

namespace {

SearchSpace square() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.continuous("y", 0, 1);
    return space;
}

/// Best at (0.8, 0.2) moved by `off`.
double valley(const Configuration& c, double off = 0) {
    const double x = c.native()[0] - 0.8 - off, y = c.native()[1] - 0.2 - off;
    return x * x + y * y;
}

std::shared_ptr<const Study> grown(const AnyStrategy& strategy, const SearchSpace& space, int trials,
                                   const std::function<double(const Configuration&)>& f,
                                   std::vector<Objective> objectives = {minimize("loss")}) {
    StrategyRun run(strategy, space, std::move(objectives), 11);
    for (int i = 0; i < trials; ++i) {
        const auto asked = run.ask();
        if (!asked) break;
        run.tell(f(asked->configuration));
    }
    return std::make_shared<const Study>(run.study());
}

double best_after(const AnyStrategy& strategy, std::uint64_t seed, int trials) {
    StrategyRun run(strategy, square(), {minimize("loss")}, seed);
    for (int i = 0; i < trials; ++i) run.tell(valley(run.ask()->configuration));
    return run.study().value(*run.study().best());
}

}  // namespace

TEST_CASE("strategies with parents keep the contract") {
    const auto plain = grown(RandomSearch{}, square(), 15, [](const Configuration& c) { return valley(c); });
    for (const ParentTask task : {ParentTask::related, ParentTask::same})
        test::strategy_contract(WarmStart({{plain, task}}, RandomSearch{}), "random");
    const auto mixed = grown(RandomSearch{}, test::mixed_space(), 20, test::bowl);
    test::strategy_contract(WarmStart({{mixed}}, TreeParzen{{.initial_trials = 4}}), "tpe");
    test::strategy_contract(WarmStart({{mixed}}, Hyperband{}), "hyperband", {.pauses = true});
    test::strategy_contract(
        Hyperband{WarmStart({{plain, ParentTask::same}}, TreeParzen{{.initial_trials = 4}})}, "hyperband",
        {.pauses = true});
}

TEST_CASE("around a strategy that pauses, parents say what is begun and the strategy how far it runs") {
    const auto parent = grown(RandomSearch{}, test::mixed_space(), 20, test::bowl);
    const Hyperband hyperband{{.maximum_resource = 9}};
    const WarmStart warm({{parent}}, hyperband);
    CHECK(AnyStrategy(warm).needs_pauses());
    CHECK(!AnyStrategy(WarmStart({{parent}}, RandomSearch{})).needs_pauses());
    // The same brackets as without the parent: 9 from step 1, 5 from step 3, 3 that run to the end.
    const test::PausingRun ran = test::run_pausing(warm, 17, 9, 3);
    int transferred = 0;
    std::vector<double> until;
    for (const Event& event : ran.events)
        if (const auto* begun = std::get_if<event::Suggested>(&event.body)) {
            transferred += begun->role == "transferred" ? 1 : 0;
            until.push_back(begun->until.value_or(0));
        }
    CHECK(transferred >= 1);
    CHECK(ran.study.trial(0).role == "transferred");
    CHECK(until == std::vector<double>{1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 0, 0, 0});
    CHECK(replay(ran.events, warm).differences.empty());
}

TEST_CASE("parents of the same task are refused around a strategy that pauses") {
    const auto parent = grown(RandomSearch{}, square(), 3, [](const Configuration& c) { return valley(c); });
    test::check_error<InvalidOption>(
        [&] {
            (void)WarmStart({{parent}, {parent, ParentTask::same}}, Hyperband{});
        },
        {"warm start", "hyperband", "same task"});
}

TEST_CASE("few trials after a related parent find what many find without one") {
    const auto parent =
        grown(TreeParzen{}, square(), 60, [](const Configuration& c) { return 100 * valley(c, 0.03) + 5; });
    int wins = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        wins += best_after(WarmStart({{parent}}, TreeParzen{}), seed, 6) < best_after(TreeParzen{}, seed, 10)
                    ? 1
                    : 0;
    CHECK(wins >= 16);
}

TEST_CASE("a parent that says the opposite is soon not heard any more") {
    const auto liar = grown(TreeParzen{}, square(), 60, [](const Configuration& c) { return -valley(c); });
    const auto friendly =
        grown(TreeParzen{}, square(), 60, [](const Configuration& c) { return valley(c, 0.02); });
    StrategyRun run(WarmStart({{liar}}, RandomSearch{}), square());
    int late = 0;
    for (int i = 0; i < 40; ++i) {
        const auto asked = run.ask();
        if (i >= 8) late += asked->role == "transferred" ? 1 : 0;
        run.tell(valley(asked->configuration));
    }
    CHECK(late == 0);
    // Beside an honest one it is outvoted.
    StrategyRun both(WarmStart({{liar}, {friendly}}, RandomSearch{}), square());
    for (int i = 0; i < 12; ++i) both.tell(valley(both.ask()->configuration));
    CHECK(both.study().value(*both.study().best()) < 0.01);
}

TEST_CASE("what a related parent does not say stays free, and maximising is understood") {
    SearchSpace other;
    auto kind = other.categorical("kind", {"a", "b"});
    (void)other.continuous("x", 0, 2);
    const auto parent = grown(
        RandomSearch{}, other, 30,
        [&](const Configuration& c) { return (c[kind] == "b" ? 1 : 0) + std::abs(c.native()[1] - 0.8); },
        {maximize("accuracy")});
    SearchSpace space = square();
    (void)space.categorical("kind", {"b", "a", "c"});
    StrategyRun run(WarmStart({{parent}}, RandomSearch{}), space);
    const auto first = run.ask();
    CHECK(first->role == "transferred");
    const Configuration& c = first->configuration;
    CHECK(std::get<std::string>(*c.find("kind")) == "a");
    CHECK(std::abs(c.native()[0] - 0.8) < 0.3);
    CHECK(c.native()[1] == 0.5);  // which the parent did not have
}

TEST_CASE("a second round on a narrowed range learns from outside of it, and repeats nothing") {
    const auto parent = grown(RandomSearch{}, square(), 40, [](const Configuration& c) { return valley(c); });
    SearchSpace narrow;
    (void)narrow.continuous("x", 0.7, 0.9);
    (void)narrow.continuous("y", 0.1, 0.4);
    StrategyRun run(WarmStart({{parent, ParentTask::same}}, TreeParzen{}), narrow);
    const auto first = run.ask();
    CHECK(first->role != "initial");  // the parent's trials are enough for a model
    run.tell(0.1);
    SearchSpace finite;
    (void)finite.integer("n", 1, 6);
    const auto asked = grown(RandomSearch{}, finite, 4, [](const Configuration& c) { return c.native()[0]; });
    StrategyRun rest(WarmStart({{asked, ParentTask::same}}, RandomSearch{}), finite);
    for (int i = 0; i < 2; ++i) {
        const auto left = rest.ask();
        REQUIRE(left);
        CHECK(asked->times_asked(left->configuration) == 0);
        rest.tell(1);
    }
    CHECK(!rest.ask());
}

TEST_CASE("pairs in the right order are counted as one by one") {
    RandomStream stream(3, 0, Purpose::user);
    for (std::size_t n = 0; n < 60; ++n) {
        const std::size_t levels = 1 + stream.below(20);
        std::vector<double> values, ranks;
        for (std::size_t i = 0; i < n; ++i) {
            values.push_back(stream.below(9) == 0 ? HUGE_VAL : static_cast<double>(stream.below(levels)));
            ranks.push_back(static_cast<double>(stream.below(levels)));
        }
        double pairs = 0, right = 0;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < i; ++j) {
                if (values[i] == values[j]) continue;
                pairs += 1;
                right += ranks[i] == ranks[j]                               ? 0.5
                         : (ranks[i] < ranks[j]) == (values[i] < values[j]) ? 1
                                                                            : 0;
            }
        const detail::PairOrder order = detail::pair_order(values, ranks);
        CHECK(order.pairs == pairs);
        CHECK(order.right == right);
    }
}

TEST_CASE("after parents of the same task, a study that only grows stays one study") {
    const auto parent = grown(RandomSearch{}, square(), 5, [](const Configuration& c) { return valley(c); });
    detail::ContinuedStudy continued({parent});
    StrategyRun run(RandomSearch{}, square());
    const auto identity = continued.with(run.study()).identity();
    for (int i = 0; i < 3; ++i) {
        run.go(1);
        const Study& whole = continued.with(run.study());
        CHECK(whole.identity() == identity);
        CHECK(whole.trials().size() == 6 + static_cast<std::size_t>(i));
        CHECK(whole.value(whole.trials().back()) == run.study().value(run.study().trials().back()));
    }
    REQUIRE(run.ask());
    REQUIRE(run.ask());
    CHECK(continued.with(run.study()).unfinished() == std::set<std::int64_t>{8, 9});
    run.tell(4, 0.5);
    const Study& later = continued.with(run.study());
    CHECK(later.unfinished() == std::set<std::int64_t>{8});
    CHECK(later.value(later.trial(9)) == 0.5);
    SearchSpace wider = square();
    (void)wider.continuous("z", 0, 1);
    run.apply(event::SpaceChanged{wider, {{"z", 0.25}}});
    for (int look = 0; look < 2; ++look) {
        const Study& changed = continued.with(run.study());
        CHECK(changed.space().size() == 3);
        CHECK(changed.trials().size() == 10);
        CHECK(changed.trial(5).configuration.native()[2] == 0.25);
    }
    run.apply(event::SpaceChanged{wider, {{"z", 0.75}}});
    CHECK(continued.with(run.study()).trial(5).configuration.native()[2] == 0.75);
}

TEST_CASE("what is no study is refused as a parent") {
    CHECK_THROWS_AS(WarmStart({{nullptr}}, RandomSearch{}), InvalidOption);
    CHECK_THROWS_AS(WarmStart({{std::make_shared<const Study>()}}, RandomSearch{}), InvalidOption);
    CHECK_THROWS_AS(WarmStart({}, RandomSearch{}, {.proposals = -1}), InvalidOption);
    CHECK_THROWS_AS(WarmStart({}, RandomSearch{}, {.every = -1}), InvalidOption);
}
