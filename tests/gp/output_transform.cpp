#include "attune/gp/output_transform.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "attune/study/random_stream.hpp"

using attune::OutputTransform;
using attune::Toward;
using attune::Warping;

TEST_CASE("standardised targets have mean 0 and variance 1 and point downwards") {
    const std::vector<double> values{3.0, 1.0, 4.0, 1.0, 5.0};
    const OutputTransform t(values, Toward::higher, Warping::none);
    double mean = 0.0;
    double square = 0.0;
    for (const double v : values) mean += t.target(v) / 5.0;
    for (const double v : values) square += t.target(v) * t.target(v) / 4.0;
    CHECK(mean == doctest::Approx(0.0));
    CHECK(square == doctest::Approx(1.0));
    CHECK(t.target(5.0) == t.best());
    CHECK(t.target(1.0) == t.penalty());
    CHECK(t.restore(t.target(4.5)) == doctest::Approx(4.5));
}

TEST_CASE("transforms keep the order, the ties and what lies beyond, and can be undone") {
    CHECK(rc::check([](std::uint64_t seed) {
        attune::RandomStream stream(seed, 0, attune::Purpose::user);
        const Toward toward = stream.below(2) == 0 ? Toward::lower : Toward::higher;
        const Warping warping =
            std::array{Warping::none, Warping::half_rank, Warping::log_excess}[stream.below(3)];
        std::vector<double> values(1 + stream.below(30));
        for (double& v : values) v = stream.below(4) == 0 ? 7.0 : std::exp(4.0 * stream.normal());
        const OutputTransform t(values, toward, warping);
        for (const double a : values)
            for (const double b : values) {
                const double sign = toward == Toward::lower ? 1.0 : -1.0;
                if (a == b) RC_ASSERT(t.target(a) == t.target(b));
                if (sign * a < sign * b) RC_ASSERT(t.target(a) <= t.target(b));
            }
        for (const double v : values) {
            RC_ASSERT(std::isfinite(t.target(v)));
            RC_ASSERT(std::abs(t.restore(t.target(v)) - v) <= 1e-6 * std::abs(v) + 1e-9);
        }
        RC_ASSERT(t.target(std::nan("")) == t.penalty());
    }));
}

TEST_CASE("an outlier among the worse half loses its weight") {
    const std::vector<double> values{1.0, 1.1, 1.2, 1.3, 1.4, 1e9};
    const OutputTransform plain(values, Toward::lower, Warping::none);
    const OutputTransform warped(values, Toward::lower, Warping::half_rank);
    CHECK(plain.target(1.3) - plain.target(1.0) < 1e-6);
    CHECK(warped.target(1.3) - warped.target(1.0) > 0.3);
    CHECK(warped.target(1e9) > warped.target(1.4));
}

TEST_CASE("failures alone, one value, equal and huge values are fine") {
    const double inf = std::numeric_limits<double>::infinity();
    for (const Warping warping : {Warping::none, Warping::half_rank, Warping::log_excess}) {
        CHECK(OutputTransform({std::nan(""), inf, -inf}, Toward::lower, warping).target(inf) == 0.0);
        CHECK(OutputTransform({4.0}, Toward::lower, warping).target(4.0) == 0.0);
        CHECK(OutputTransform({2.0, 2.0, 2.0}, Toward::higher, warping).target(2.0) == 0.0);
        const OutputTransform huge({1e308, -1e308, 0.0, 1.0}, Toward::lower, warping);
        CHECK(std::isfinite(huge.target(1e308)));
        CHECK(huge.target(-1e308) < huge.target(1e308));
    }
}

TEST_CASE("the logarithm of the excess spreads out what lies close to the best, and says by how much") {
    const std::vector<double> values{1.0, 1.001, 1.01, 1.1, 2.0, 3.0, 5.0, 9.0, 20.0};
    const OutputTransform ranked(values, Toward::lower, Warping::half_rank);
    const OutputTransform logged(values, Toward::lower, Warping::log_excess);
    CHECK(logged.target(1.1) - logged.target(1.0) > 2 * (ranked.target(1.1) - ranked.target(1.0)));
    // Where the half-ranked values are the values themselves, both slopes are those of the targets.
    const auto slope = [](const OutputTransform& t, double at) { return t.log_slope(at); };
    const double by_logs = slope(logged, 1.01) - slope(ranked, 1.01);
    const double by_difference =
        std::log((logged.target(1.01) - logged.target(1.001)) / (ranked.target(1.01) - ranked.target(1.001)));
    CHECK(by_logs == doctest::Approx(by_difference).epsilon(0.05));
    CHECK(slope(logged, std::nan("")) == slope(logged, 20.0));
}
