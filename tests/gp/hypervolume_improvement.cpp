#include "attune/gp/hypervolume_improvement.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "attune/study/pareto.hpp"
#include "attune/study/random_stream.hpp"
#include "support/errors.hpp"

using attune::HypervolumeImprovement;
using attune::Losses;
using attune::RandomStream;

namespace {

RandomStream stream_of(std::uint64_t seed) { return {seed, 0, attune::Purpose::suggestion, 0}; }

/// Points of which about half lie on a rounded front, with ties: coordinates in steps of 1/16 now and then.
std::vector<Losses> cloud(std::size_t count, std::size_t objectives, RandomStream& stream) {
    std::vector<Losses> points(count);
    for (Losses& point : points) {
        double square = 0.0;
        for (std::size_t k = 0; k < objectives; ++k) {
            point.push_back(std::abs(stream.normal()));
            square += point.back() * point.back();
        }
        const double scale = stream.uniform() < 0.5 ? 1.0 : 1.0 + stream.uniform();
        for (double& v : point) v = 1.2 - v / std::sqrt(square) / scale;
        if (stream.uniform() < 0.3)
            for (double& v : point) v = std::round(v * 16) / 16;
    }
    return points;
}

Losses draw(std::size_t objectives, double low, double high, RandomStream& stream) {
    Losses point;
    for (std::size_t k = 0; k < objectives; ++k) point.push_back(stream.uniform(low, high));
    return point;
}

}  // namespace

TEST_CASE("the boxes of a front give what a point adds to the hypervolume, for 1 to 5 objectives") {
    RandomStream stream = stream_of(1);
    for (std::size_t m = 1; m <= 5; ++m)
        for (int repeat = 0; repeat < 12; ++repeat) {
            CAPTURE(m);
            CAPTURE(repeat);
            const auto points = cloud(static_cast<std::size_t>(repeat) * (m < 5 ? 2 : 1), m, stream);
            const Losses reference(m, 1.15);
            const HypervolumeImprovement improvement(points, reference);
            for (int i = 0; i < 8; ++i) {
                const Losses point = draw(m, -0.2, 1.3, stream);
                std::vector<Losses> with = points;
                with.push_back(point);
                CHECK(improvement.of(point) ==
                      doctest::Approx(attune::hypervolume(with, reference) -
                                      (points.empty() ? 0.0 : attune::hypervolume(points, reference)))
                          .epsilon(1e-9));
            }
        }
}

TEST_CASE("boxes are about as many as points for two and three objectives") {
    RandomStream stream = stream_of(2);
    for (const std::size_t m : {2, 3}) {
        std::vector<Losses> points = cloud(60, m, stream);
        const HypervolumeImprovement improvement(points, Losses(m, 1.3));
        CHECK(improvement.objectives() == m);
        CHECK(improvement.boxes() <= (m == 2 ? 61 : 2 * 60 + 1));
    }
}

TEST_CASE("expected hypervolume improvement is the mean over draws") {
    RandomStream stream = stream_of(3);
    for (const std::size_t m : {2, 3, 4}) {
        const auto points = cloud(12, m, stream);
        const HypervolumeImprovement improvement(points, Losses(m, 1.15));
        for (const double sigma : {0.05, 0.3}) {
            const Losses mean = draw(m, 0.2, 0.9, stream), sigmas(m, sigma);
            constexpr int draws = 20000;
            double sum = 0.0, square = 0.0;
            for (int i = 0; i < draws; ++i) {
                Losses point = mean;
                for (double& v : point) v += sigma * stream.normal();
                const double gain = improvement.of(point);
                sum += gain / draws;
                square += gain * gain / draws;
            }
            const double error = std::sqrt((square - sum * sum) / draws);
            // Five standard errors: one false alarm in a million runs of new seeds, and the seed is fixed.
            CHECK(std::abs(improvement.expected(mean, sigmas) - sum) < 5 * error + 1e-12);
        }
    }
}

TEST_CASE("with next to no uncertainty the expectation is the improvement itself") {
    const HypervolumeImprovement improvement({{-3, -1}, {-1, -3}, {-2, -2}, {-1, -1}, {5, -9}, {-2, -2}},
                                             {0, 0});
    CHECK(improvement.of({-1.5, -1.5}) == 0.0);
    CHECK(improvement.of({-2.5, -2.5}) == doctest::Approx(1.25));
    CHECK(improvement.expected({-2.5, -2.5}, {1e-9, 1e-9}) == doctest::Approx(1.25));
    CHECK(HypervolumeImprovement({}, {0, 0}).of({-2, -3}) == doctest::Approx(6.0));
}

TEST_CASE("the logarithm has usable values and slopes far from any improvement") {
    RandomStream stream = stream_of(4);
    const auto points = cloud(10, 3, stream);
    const HypervolumeImprovement improvement(points, Losses(3, 1.15));
    for (const double away : {0.0, 1.0, 8.0, 60.0}) {
        CAPTURE(away);
        const Losses mean{0.4 + away, 0.5, 0.6 + away}, sigma{0.2, 0.1, 0.3};
        const auto log = improvement.log_expected(mean, sigma);
        REQUIRE(std::isfinite(log.value));
        for (std::size_t k = 0; k < 3; ++k)
            for (const bool of_mean : {true, false}) {
                const auto at = [&](double step) {
                    Losses m = mean, s = sigma;
                    (of_mean ? m : s)[k] += step;
                    return improvement.log_expected(m, s).value;
                };
                const double h = 1e-6;
                const double slope = of_mean ? log.by_mean[k] : log.by_sigma[k];
                CHECK(slope == doctest::Approx((at(h) - at(-h)) / (2 * h)).epsilon(2e-4));
            }
    }
    CHECK(improvement.expected({60.4, 0.5, 60.6}, {0.2, 0.1, 0.3}) == 0.0);
}

TEST_CASE("thin boxes lose no digits") {
    // The two points differ by 1e-9: the box between them must not cancel.
    const HypervolumeImprovement improvement({{0.5, 0.5}, {0.5 + 1e-9, 0.2}}, {1, 1});
    const HypervolumeImprovement merged({{0.5, 0.2}}, {1, 1});
    const auto a = improvement.log_expected({0.6, 0.1}, {0.1, 0.2});
    const auto b = merged.log_expected({0.6, 0.1}, {0.1, 0.2});
    CHECK(a.value == doctest::Approx(b.value).epsilon(1e-7));
    for (std::size_t k = 0; k < 2; ++k) {
        CHECK(a.by_mean[k] == doctest::Approx(b.by_mean[k]).epsilon(1e-6));
        CHECK(a.by_sigma[k] == doctest::Approx(b.by_sigma[k]).epsilon(1e-6));
    }
}

TEST_CASE("hypervolume improvement: what cannot be is refused") {
    using attune::InvalidOption;
    using attune::test::check_error;
    check_error<InvalidOption>([] { HypervolumeImprovement({}, {}); }, {"reference has no values"});
    check_error<InvalidOption>(
        [] {
            HypervolumeImprovement({{1, 2, 3}}, {4, 4});
        },
        {"3 values for 2 objectives"});
    check_error<InvalidOption>(
        [] {
            HypervolumeImprovement({{1, std::nan("")}}, {4, 4});
        },
        {"a point", "nan"});
    check_error<InvalidOption>(
        [] {
            HypervolumeImprovement({}, {4, std::nan("")});
        },
        {"the reference", "nan"});
    RandomStream stream = stream_of(5);
    check_error<InvalidOption>([&] { HypervolumeImprovement(cloud(30, 3, stream), Losses(3, 1.3), 10); },
                               {"more than 10 boxes"});
    check_error<InvalidOption>(
        [] {
            (void)HypervolumeImprovement({}, {1, 1}).of({0.5});
        },
        {"1 values for 2 objectives"});
}
