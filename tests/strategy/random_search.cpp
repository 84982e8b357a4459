#include "attune/strategy/random_search.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "support/statistics.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::StrategyRun;

TEST_CASE("draws are uniform over the scaled range of every kind of parameter") {
    SearchSpace space;
    auto lr = space.continuous("lr", 1e-4, 1, Scale::log);
    auto x = space.continuous("x", -1, 1);
    auto n = space.integer("n", 1, 5);
    auto c = space.categorical("c", {"a", "b", "c"});
    Study study;
    study.apply({0, event::Created{"s", 3, space, {minimize("y")}, {}, {}, {}}});
    std::vector<double> decades(4, 0.0), eighths(8, 0.0), integers(5, 0.0), choices(3, 0.0), joint(9, 0.0);
    const RandomSearch strategy;
    for (int k = 0; k < 20'000; ++k) {
        SuggestionRequest request;
        request.trial = k;
        const Configuration drawn = strategy.suggest(study, request)->configuration;
        ++decades.at(static_cast<std::size_t>(std::log10(drawn[lr]) + 4));
        ++eighths.at(static_cast<std::size_t>((drawn[x] + 1) * 4));
        ++integers.at(static_cast<std::size_t>(drawn[n] - 1));
        const auto letter = static_cast<std::size_t>(drawn[c][0] - 'a');
        ++choices.at(letter);
        ++joint.at(3 * letter +
                   static_cast<std::size_t>((drawn[x] + 1) * 1.5));  // of one draw, yet independent
    }
    CHECK(test::even_counts(decades));
    CHECK(test::even_counts(eighths));
    CHECK(test::even_counts(integers));
    CHECK(test::even_counts(choices));
    CHECK(test::even_counts(joint));
}

TEST_CASE("trial k is the same whatever became of the others, and another with another seed or attempt") {
    StrategyRun one(RandomSearch{}, test::mixed_space()), two(RandomSearch{}, test::mixed_space()),
        other(RandomSearch{}, test::mixed_space(), {minimize("loss")}, 8);
    for (int i = 0; i < 10; ++i) {
        const auto a = one.ask(), b = two.ask(), c = other.ask();
        REQUIRE((a && b && c));
        one.tell(i);
        if (i % 2 == 0) two.fail(FailureKind::configuration);
        CHECK(a->configuration == b->configuration);
        CHECK(!(a->configuration == c->configuration));
    }
    SuggestionRequest request = one.request();
    const auto first = RandomSearch{}.suggest(one.study(), request);
    request.attempt = 1;
    CHECK(!(RandomSearch{}.suggest(one.study(), request)->configuration == first->configuration));
}

TEST_CASE("the last point of a large finite space is found") {
    SearchSpace space;
    (void)space.integer("a", 1, 40);
    (void)space.integer("b", 1, 40);
    StrategyRun run(RandomSearch{}, space);
    std::set<std::string> seen;
    while (const auto suggestion = run.ask()) seen.insert(suggestion->configuration.text());
    CHECK(seen.size() == 1600);
}

TEST_CASE("configurations between narrow constraints of an infinite space are found") {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.continuous("y", 0, 1);
    space.constrain("x - y > 0.5 && x - y < 0.50001 && x < 0.7");
    StrategyRun run(RandomSearch{}, space);
    run.go(10);
    CHECK(run.ask()->role == "filling");
}
