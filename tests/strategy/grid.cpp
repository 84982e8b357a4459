#include "attune/strategy/grid.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/errors.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::check_error;
using attune::test::StrategyRun;

namespace {

std::vector<std::string> asked(const Grid& grid, const SearchSpace& space, const event::Values& fixed = {}) {
    StrategyRun run(grid, space);
    std::vector<std::string> out;
    while (const auto suggestion = run.ask(run.request(fixed))) {
        out.push_back(suggestion->configuration.text());
        REQUIRE(out.size() < 10'000);
    }
    return out;
}

}  // namespace

TEST_CASE("the grid goes through all combinations, the last parameter turning fastest, and ends") {
    SearchSpace space;
    (void)space.categorical("c", {"a", "b"});
    (void)space.continuous("x", 0, 1);
    CHECK(asked(Grid{{.levels = 3}}, space) ==
          std::vector<std::string>{"c=a x=0", "c=a x=0.5", "c=a x=1", "c=b x=0", "c=b x=0.5", "c=b x=1"});
    CHECK(asked(Grid{{.levels = 1}}, space) == std::vector<std::string>{"c=a x=0.5", "c=b x=0.5"});
    CHECK(asked(Grid{}, space).size() == 20);
}

TEST_CASE("levels are even on the scale, ends exact; single parameters may have their own number") {
    SearchSpace space;
    (void)space.continuous("lr", 1e-3, 10, Scale::log);
    CHECK(asked(Grid{{.levels = 2}}, space) == std::vector<std::string>{"lr=0.001", "lr=10"});
    CHECK(asked(Grid{{.levels_of = {{"lr", 5}}}}, space).size() == 5);
    SearchSpace whole;
    (void)whole.integer("n", 0, 100);
    (void)whole.integer("m", 1, 2);
    CHECK(asked(Grid{{.levels = 3}}, whole).size() == 202);  // integers give all their values
    CHECK(asked(Grid{{.levels_of = {{"n", 3}}}}, whole) ==
          std::vector<std::string>{"n=0 m=1", "n=0 m=2", "n=50 m=1", "n=50 m=2", "n=100 m=1", "n=100 m=2"});
}

TEST_CASE("conditions and constraints thin the grid without repeats") {
    CHECK(asked(Grid{}, test::finite_space()).size() == test::finite_space_size);
    CHECK(asked(Grid{}, test::finite_space(), {{"kind", "a"}}) ==
          std::vector<std::string>{"kind=a n=1", "kind=a n=3"});
}

TEST_CASE("what was asked otherwise, such as enqueued, is passed over; the grid goes on where it was") {
    SearchSpace space;
    (void)space.integer("n", 1, 4);
    test::StudyScript s(space, minimize("y"));
    const auto next = [&]() -> double {
        SuggestionRequest request;
        request.trial = static_cast<std::int64_t>(s.study.trials().size());
        const auto suggestion = Grid{}.suggest(s.study, request);
        return suggestion ? suggestion->configuration.native()[0] : -1;
    };
    const auto ask = [&](int n) {
        event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(s.study.trials().size());
        suggested.configuration = {{"n", n}};
        s.apply(suggested, 1);
    };
    ask(2);
    CHECK(next() == 1);
    ask(1);
    CHECK(next() == 3);
    ask(3);
    s.fail(0, FailureKind::environment, 2);
    CHECK(next() == 2);
    ask(2);
    ask(4);
    CHECK(next() == -1);
}

TEST_CASE("options outside their range and axes that never end are refused") {
    check_error<InvalidOption>([] { (void)Grid{{.levels = 0}}; }, {"grid", "levels (0)", "at least 1"});
    check_error<InvalidOption>(
        [] {
            (void)Grid{{.levels_of = {{"lr", 0}}}};
        },
        {"grid", "lr (0)", "at least 1"});
    SearchSpace space;
    (void)space.integer("n", 0, std::int64_t{1} << 40);
    check_error<InvalidOption>([&] { (void)asked(Grid{}, space); },
                               {"grid", "n", "1099511627777", "levels_of"});
    CHECK(asked(Grid{{.levels_of = {{"n", 4}}}}, space).size() == 4);
    SearchSpace other;
    (void)other.integer("m", 0, 3);
    check_error<InvalidConfiguration>(
        [&] {
            (void)asked(Grid{{.levels_of = {{"n", 4}}}}, other);
        },
        {"'n'", "unknown", "m"});
}
