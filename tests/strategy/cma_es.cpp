#include "attune/strategy/cma_es.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "attune/strategy/cma_state.hpp"
#include "attune/strategy/random_search.hpp"
#include "support/strategy_contract.hpp"
#include "support/test_functions.hpp"

using namespace attune;
using attune::test::StrategyRun;

namespace {

SearchSpace cube(std::size_t dimensions) {
    SearchSpace space;
    for (std::size_t i = 0; i < dimensions; ++i) (void)space.continuous(fmt::format("x{}", i), -5, 5);
    return space;
}

/// The best value after `trials` of a function of the native values.
template <class Function>
double best_after(const AnyStrategy& strategy, const SearchSpace& space, const Function& f, int trials,
                  std::uint64_t seed) {
    StrategyRun run(strategy, space, {minimize("loss")}, seed);
    for (int i = 0; i < trials; ++i) {
        const auto suggestion = run.ask();
        if (!suggestion) break;
        run.tell(f(suggestion->configuration.native()));
    }
    return run.study().value(*run.study().best());
}

}  // namespace

TEST_CASE("the distribution finds the optimum of a narrow turned valley") {
    constexpr int n = 8;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CmaState state(CmaState::Vector::Constant(n, 3), 1, CmaConstants::default_population(n));
        RandomStream stream(seed, 0, Purpose::user);
        for (int generation = 0; generation < 800; ++generation) {
            std::vector<std::pair<double, CmaState::Vector>> drawn;
            for (int i = 0; i < state.population(); ++i) {
                CmaState::Vector x = state.sample(stream);
                const double f = test::rosenbrock({x.data(), x.data() + n});
                drawn.emplace_back(f, std::move(x));
            }
            std::sort(drawn.begin(), drawn.end(),
                      [](const auto& a, const auto& b) { return a.first < b.first; });
            CmaState::Matrix sorted(n, state.population());
            for (int i = 0; i < state.population(); ++i)
                sorted.col(i) = drawn[static_cast<std::size_t>(i)].second;
            state.tell(sorted);
        }
        const CmaState::Vector& mean = state.mean();
        const double found = test::rosenbrock({mean.data(), mean.data() + n});
        CHECK((found < 1e-8 || std::abs(found - 3.98) < 0.1));  // the optimum, or the other minimum
    }
}

TEST_CASE("a foreign solution far away moves the distribution no further than one of its own could") {
    const CmaState start(CmaState::Vector::Zero(3), 1, 6);
    CmaState::Matrix solutions = CmaState::Matrix::Zero(3, 6);
    solutions.col(0) = CmaState::Vector::Constant(3, 1e6);
    CmaState free = start, held = start;
    free.tell(solutions);
    held.tell(solutions, {true, false, false, false, false, false});
    CHECK(free.mean().norm() > 1e5);
    CHECK(held.mean().norm() < 4);
    CHECK(held.sigma() < 3);
}

TEST_CASE("what cannot be told is refused") {
    CHECK_THROWS_AS(CmaState(CmaState::Vector::Zero(0), 1, 6), InvalidOption);
    CHECK_THROWS_AS(CmaState(CmaState::Vector::Zero(2), 0, 6), InvalidOption);
    CHECK_THROWS_AS(CmaState(CmaState::Vector::Constant(2, std::nan("")), 1, 6), InvalidOption);
    CmaState state(CmaState::Vector::Zero(2), 1, 6);
    CHECK_THROWS_AS(state.tell(CmaState::Matrix::Zero(2, 5)), InvalidOption);
    CHECK_THROWS_AS(state.tell(CmaState::Matrix::Constant(2, 6, std::nan(""))), InvalidOption);
    CHECK_THROWS_AS(CmaEs{{.population = 2}}, InvalidOption);
    CHECK_THROWS_AS(CmaEs{{.sigma = 0}}, InvalidOption);
}

TEST_CASE("400 trials find the optimum of a smooth function, where random ones do not come near") {
    const auto far = [](const std::vector<double>& x) {
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i)
            sum += (1 + static_cast<double>(i)) * test::square(x[i] - 2);
        return sum;
    };
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CHECK(best_after(CmaEs{}, cube(5), far, 400, seed) < 1e-2);
        CHECK(best_after(RandomSearch{}, cube(5), far, 400, seed) > 0.1);
    }
}

TEST_CASE("120 trials on a mixed conditional space find more than 120 random ones") {
    int wins = 0;
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        StrategyRun a(CmaEs{}, test::mixed_space(), {minimize("loss")}, seed);
        StrategyRun b(RandomSearch{}, test::mixed_space(), {minimize("loss")}, seed);
        a.go(120);
        b.go(120);
        wins += a.study().value(*a.study().best()) < b.study().value(*b.study().best()) ? 1 : 0;
    }
    CHECK(wins >= 24);  // of a strategy that is no better than random: once in 1,400
}

TEST_CASE("integers are not lost on a neighbour of their best value") {
    SearchSpace space;
    for (int i = 0; i < 4; ++i) (void)space.continuous(fmt::format("x{}", i), 0, 1);
    for (int i = 0; i < 4; ++i) (void)space.integer(fmt::format("n{}", i), 0, 10);
    for (int i = 0; i < 2; ++i) (void)space.integer(fmt::format("b{}", i), 0, 1);
    // Pulled to the wrong integers while the continuous ones are far off.
    const auto f = [](const std::vector<double>& v) {
        double near = 0, sum = 0;
        for (int i = 0; i < 4; ++i) near += test::square(v[static_cast<std::size_t>(i)] - 0.7);
        for (std::size_t i = 4; i < 8; ++i) sum += test::square((v[i] - (near > 0.01 ? 4 : 8)) / 10);
        for (std::size_t i = 8; i < 10; ++i) sum += v[i] == (near > 0.01 ? 0 : 1) ? 0 : 0.3;
        return near + sum + (near > 0.01 ? 1 : 0);
    };
    int found = 0;
    for (std::uint64_t seed = 1; seed <= 10; ++seed)
        found += best_after(CmaEs{}, space, f, 1200, seed) < 0.01 ? 1 : 0;
    CHECK(found >= 9);
}

TEST_CASE("a choice that is better is drawn more often, and none is lost") {
    SearchSpace space = cube(2);
    auto kind = space.categorical("kind", {"a", "b", "c", "d", "e", "f"});
    StrategyRun run(CmaEs{{.restarts = CmaRestarts::none}}, space);
    int late = 0, others = 0;
    for (int i = 0; i < 240; ++i) {
        const Configuration c = run.ask()->configuration;
        const bool good = c[kind] == "e";
        if (i >= 120) (good ? late : others) += 1;
        run.tell(std::abs(c.native()[0]) + (good ? 0 : 3));
    }
    CHECK(late >= 70);
    CHECK(others >= 1);
}

TEST_CASE("results of eight workers that come in any order teach as well") {
    const auto f = [](const std::vector<double>& x) {
        return test::square(x[0] - 2) + test::square(x[1] + 1) + test::square(x[2]);
    };
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        StrategyRun run(CmaEs{}, cube(3), {minimize("loss")}, seed);
        RandomStream order(seed, 1, Purpose::user);
        std::vector<std::pair<std::int64_t, double>> flying;
        for (int i = 0; i < 400; ++i) {
            const auto number = static_cast<std::int64_t>(run.study().trials().size());
            flying.emplace_back(number, f(run.ask()->configuration.native()));
            if (flying.size() < 8) continue;
            const auto at = flying.begin() + static_cast<std::ptrdiff_t>(order.below(flying.size()));
            run.tell(at->first, at->second);
            flying.erase(at);
        }
        // The same study, seen by a strategy that was not there.
        const SuggestionRequest request = run.request();
        CHECK(test::same(CmaEs{}.suggest(run.study(), request),
                         AnyStrategy(run.strategy()).suggest(run.study(), request)));
        CHECK(run.study().value(*run.study().best()) < 1e-3);
    }
}

TEST_CASE("a run that has converged makes way for another one, elsewhere and with more draws") {
    const auto rastrigin = [](const std::vector<double>& x) { return test::rastrigin(x); };
    StrategyRun run(CmaEs{}, cube(2));
    std::string last;
    for (int i = 0; i < 1500; ++i) {
        const auto suggestion = run.ask();
        last = suggestion->reason;
        run.tell(rastrigin(suggestion->configuration.native()));
    }
    CHECK(last.find("run 1,") == std::string::npos);
    double alone = 0, restarted = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        alone += best_after(CmaEs{{.restarts = CmaRestarts::none}}, cube(2), rastrigin, 1500, seed);
        restarted += best_after(CmaEs{}, cube(2), rastrigin, 1500, seed);
    }
    CHECK(restarted < 0.5 * alone);
}

TEST_CASE("a study that was not grown by the strategy itself is taken in whole") {
    StrategyRun random(RandomSearch{}, test::mixed_space());
    random.go(40);
    const auto request = random.request();
    CmaEs fresh, used;
    StrategyRun other(AnyStrategy(used), test::mixed_space(), {minimize("loss")}, 7);
    (void)used.suggest(other.study(), other.request());
    const auto a = fresh.suggest(random.study(), request), b = used.suggest(random.study(), request);
    CHECK(test::same(a, b));
    REQUIRE(a);
    CHECK(a->reason.find("generation 1 ") == std::string::npos);
}
