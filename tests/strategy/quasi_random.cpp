#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <vector>

#include "attune/strategy/discrepancy.hpp"
#include "attune/strategy/halton.hpp"
#include "attune/strategy/latin_hypercube.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "support/strategy_contract.hpp"

using namespace attune;
using attune::test::StrategyRun;

namespace {

std::vector<std::vector<double>> uniform_points(std::size_t count, std::size_t dimensions,
                                                std::uint64_t seed) {
    RandomStream stream(seed, 0, Purpose::user);
    std::vector<std::vector<double>> points(count, std::vector<double>(dimensions));
    for (auto& point : points)
        for (double& x : point) x = stream.uniform();
    return points;
}

SearchSpace cube(std::size_t dimensions) {
    SearchSpace space;
    for (std::size_t i = 0; i < dimensions; ++i) (void)space.continuous("x" + std::to_string(i), 0, 1);
    return space;
}

/// The points that a strategy asks for.
std::vector<std::vector<double>> asked(const AnyStrategy& strategy, std::size_t dimensions, int trials,
                                       std::uint64_t seed) {
    StrategyRun run(strategy, cube(dimensions), {minimize("loss")}, seed);
    std::vector<std::vector<double>> out;
    for (int i = 0; i < trials; ++i) {
        out.push_back(run.ask()->configuration.native());
        run.tell(0);
    }
    return out;
}

}  // namespace

TEST_CASE("scrambled Halton points and Latin hypercubes are more even than uniform draws, for every seed") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const double uniform = discrepancy(uniform_points(50, 8, seed), Discrepancy::centered);
        CHECK(discrepancy(asked(Halton{}, 8, 50, seed), Discrepancy::centered) < 0.6 * uniform);
        CHECK(discrepancy(asked(LatinHypercube{{.points = 50}}, 8, 50, seed), Discrepancy::centered) <
              0.6 * uniform);
    }
}

TEST_CASE("each scrambled Halton coordinate fills its elementary intervals once") {
    const HaltonSequence sequence(6);
    const int bases[] = {2, 3, 5, 7, 11, 13};
    for (std::size_t j = 0; j < 6; ++j) {
        std::set<int> cells;
        const int count = bases[j] * bases[j];
        for (int i = 0; i < count; ++i)
            cells.insert(
                static_cast<int>(sequence.scrambled(static_cast<std::uint64_t>(i), 77)[j] * count + 1e-9));
        CHECK(cells.size() == static_cast<std::size_t>(count));
    }
    CHECK(sequence.scrambled(0, 1) != sequence.scrambled(0, 2));
    CHECK_THROWS_AS(HaltonSequence(0), InvalidOption);
    CHECK_THROWS_AS(HaltonSequence(10'001), InvalidOption);
}

TEST_CASE("a Latin hypercube begins anew after its last point") {
    const auto points = asked(LatinHypercube{{.points = 5}}, 2, 15, 3);
    for (int design = 0; design < 3; ++design)
        for (std::size_t j = 0; j < 2; ++j) {
            std::set<int> slices;
            for (int i = 0; i < 5; ++i)
                slices.insert(static_cast<int>(points[static_cast<std::size_t>(5 * design + i)][j] * 5));
            CHECK(slices.size() == 5);
        }
    CHECK_THROWS_AS(LatinHypercube{{.points = 0}}, InvalidOption);
    CHECK_THROWS_AS(LatinHypercube{{.designs = 0}}, InvalidOption);
}

TEST_CASE("designs say that they read no results") {
    CHECK(AnyStrategy(Halton{}).ignores_results());
    CHECK(AnyStrategy(LatinHypercube{}).ignores_results());
    CHECK(AnyStrategy(Sobol{}).ignores_results());
    struct Around {
        AnyStrategy inner;
        [[nodiscard]] bool ignores_results() const { return inner.ignores_results(); }
        std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
            return inner.suggest(study, request);
        }
    };
    CHECK(AnyStrategy(Around{Halton{}}).ignores_results());
    CHECK(!AnyStrategy(Around{TreeParzen{}}).ignores_results());
}

TEST_CASE("discrepancies refuse what is no set of points of the unit cube") {
    CHECK_THROWS_AS((void)discrepancy({}, Discrepancy::centered), InvalidOption);
    CHECK_THROWS_AS((void)discrepancy({{0.5, 0.5}, {0.5}}, Discrepancy::mixture), InvalidOption);
    CHECK_THROWS_AS((void)discrepancy({{1.5}}, Discrepancy::l2_star), InvalidOption);
}
