#include "attune/strategy/sobol.hpp"

#include <doctest/doctest.h>

#include <boost/random/sobol.hpp>
#include <cmath>
#include <cstdint>
#include <set>

#include "strategy/gp_support.hpp"

using attune::SobolSequence;

TEST_CASE("points are those of Boost's engine, in few and in all dimensions") {
    for (const std::size_t dimensions : {1, 2, 3, 17, 200, 3667}) {
        const SobolSequence sequence(dimensions);
        boost::random::sobol_engine<std::uint32_t, 32> engine(dimensions);
        std::size_t wrong = 0;
        const auto compare = [&](std::uint64_t index) {
            for (const std::uint32_t coordinate : sequence.point(index))
                wrong += coordinate == engine() ? 0 : 1;
        };
        for (std::uint64_t index = 1; index < 40; ++index)
            compare(index);  // the engine leaves the origin out
        engine.seed(4123456788U);
        compare(4123456789U);
        CHECK(wrong == 0);
    }
}

TEST_CASE("a point is the same whichever way it is reached") {
    SobolSequence forward(7);
    for (std::uint64_t i = 0; i < 40; ++i) {
        SobolSequence fresh(7);
        CHECK(forward.point(i) == fresh.point(i));
    }
    CHECK(forward.point(3) == SobolSequence(7).point(3));
    CHECK_THROWS_AS(SobolSequence(0), attune::InvalidOption);
    CHECK_THROWS_AS(SobolSequence(SobolSequence::max_dimensions + 1), attune::InvalidOption);
    CHECK_NOTHROW((void)SobolSequence(2).point(SobolSequence::max_points - 1));
    CHECK_THROWS_AS((void)SobolSequence(2).point(SobolSequence::max_points), attune::InvalidOption);
}

TEST_CASE("scrambling keeps the net: every cell of every dyadic partition has one point") {
    // Dimensions 0 and 1 of Sobol's sequence are a (0, m, 2)-net in base 2.
    for (const std::uint64_t seed : {1u, 2u, 77u}) {
        SobolSequence sequence(2);
        for (int split = 0; split <= 6; ++split) {
            std::set<std::pair<int, int>> cells;
            for (std::uint64_t i = 0; i < 64; ++i) {
                const auto x = sequence.scrambled(i, seed);
                CHECK(x[0] > 0.0);
                CHECK(x[0] < 1.0);
                cells.emplace(static_cast<int>(x[0] * (1 << split)),
                              static_cast<int>(x[1] * (1 << (6 - split))));
            }
            CHECK(cells.size() == 64);
        }
    }
}

TEST_CASE("over the seeds a scrambled point is uniform") {
    SobolSequence sequence(3);
    double mean[3] = {};
    double square[3] = {};
    double product = 0.0;
    constexpr int seeds = 4000;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto x = sequence.scrambled(5, seed);
        for (std::size_t j = 0; j < 3; ++j) {
            mean[j] += x[j] / seeds;
            square[j] += x[j] * x[j] / seeds;
        }
        product += (x[0] - 0.5) * (x[1] - 0.5) / seeds;
    }
    // Five standard errors with fixed seeds: of two million hash functions as good as random, about one would
    // fail.
    for (std::size_t j = 0; j < 3; ++j) {
        CHECK(std::abs(mean[j] - 0.5) < 5 * std::sqrt(1.0 / 12 / seeds));
        CHECK(std::abs(square[j] - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / seeds));
    }
    CHECK(std::abs(product) < 5 / 12.0 / std::sqrt(static_cast<double>(seeds)));
}

TEST_CASE("suggestions depend on the study's seed and the trial alone, and obey constraints") {
    attune::SearchSpace space;
    space.continuous("a", 0, 1);
    space.continuous("b", 0, 1);
    space.constrain("a + b <= 0.5");
    const auto study = attune::test::study_of(space, {attune::minimize("y")}, 9);
    const attune::Sobol sobol;
    for (std::int64_t k = 0; k < 50; ++k) {
        const auto s = sobol.suggest(study, attune::test::request_for(k));
        REQUIRE(s.has_value());
        CHECK(space.satisfies(s->configuration));
        CHECK(s->configuration == sobol.suggest(study, attune::test::request_for(k))->configuration);
    }
    const auto other = attune::test::study_of(space, {attune::minimize("y")}, 10);
    CHECK_FALSE(sobol.suggest(study, attune::test::request_for(0))->configuration ==
                sobol.suggest(other, attune::test::request_for(0))->configuration);
}

TEST_CASE("a spent space gets no suggestion") {
    attune::SearchSpace space;
    space.categorical("a", {"x", "y"});
    auto study = attune::test::study_of(space, {attune::minimize("y")}, 3);
    const attune::Sobol sobol;
    for (int k = 0; k < 2; ++k)
        attune::test::run_trial(study, *sobol.suggest(study, attune::test::request_for(k)), {{"y", 1.0}});
    CHECK_FALSE(sobol.suggest(study, attune::test::request_for(2)).has_value());
    CHECK(sobol.suggest(study, attune::test::request_for(2, 0, attune::Duplicates::allow())).has_value());
}
