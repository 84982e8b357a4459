#include "attune/gp/acquisition.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace {

using attune::Acquisition;
using attune::Toward;

template <class F>
void check_slopes(const F& f) {
    for (const Toward toward : {Toward::lower, Toward::higher})
        for (const double mean : {-2.0, -0.1, 0.0, 0.7, 6.0})
            for (const double sigma : {0.05, 0.4, 1.5}) {
                const double h = 1e-6;
                const Acquisition a = f(mean, sigma, toward);
                const double by_mean =
                    (f(mean + h, sigma, toward).value - f(mean - h, sigma, toward).value) / (2 * h);
                const double by_sigma =
                    (f(mean, sigma + h, toward).value - f(mean, sigma - h, toward).value) / (2 * h);
                CAPTURE(mean);
                CAPTURE(sigma);
                CHECK(a.by_mean == doctest::Approx(by_mean).epsilon(1e-5));
                CHECK(a.by_sigma == doctest::Approx(by_sigma).epsilon(1e-5));
            }
}

}  // namespace

TEST_CASE("acquisitions have the slopes that they say") {
    check_slopes([](double m, double s, Toward t) { return attune::expected_improvement(m, s, 0.3, t); });
    check_slopes([](double m, double s, Toward t) { return attune::log_expected_improvement(m, s, 0.3, t); });
    check_slopes(
        [](double m, double s, Toward t) { return attune::probability_of_improvement(m, s, 0.3, t); });
    check_slopes(
        [](double m, double s, Toward t) { return attune::log_probability_of_improvement(m, s, 0.3, t); });
    check_slopes([](double m, double s, Toward t) { return attune::upper_confidence_bound(m, s, 2.0, t); });
}

TEST_CASE("log h and log cdf are smooth where their formulas meet") {
    for (const double z : {-3.0, 0.0}) {
        const double h = 1e-9;
        CHECK(attune::log_h(z - h).value == doctest::Approx(attune::log_h(z + h).value).epsilon(1e-8));
        CHECK(attune::log_h(z - h).slope == doctest::Approx(attune::log_h(z + h).slope).epsilon(1e-8));
        CHECK(attune::log_normal_cdf(z - h) == doctest::Approx(attune::log_normal_cdf(z + h)).epsilon(1e-8));
        CHECK(attune::log_normal_cdf_slope(z - h) ==
              doctest::Approx(attune::log_normal_cdf_slope(z + h)).epsilon(1e-8));
    }
    double previous = -std::numeric_limits<double>::infinity();
    for (double z = -1e6; z < 30.0; z = z < -100 ? z * 0.5 : z + 0.01) {
        const auto [value, slope] = attune::log_h(z);
        REQUIRE(std::isfinite(value));
        REQUIRE(slope > 0.0);
        REQUIRE(value > previous);
        previous = value;
    }
}

TEST_CASE("without uncertainty only a better mean improves") {
    CHECK(attune::expected_improvement(1.0, 0.0, 3.0, Toward::lower).value == 2.0);
    CHECK(attune::expected_improvement(4.0, 0.0, 3.0, Toward::lower).value == 0.0);
    CHECK(attune::log_expected_improvement(1.0, 0.0, 3.0, Toward::lower).value ==
          doctest::Approx(std::log(2.0)));
    CHECK(std::isinf(attune::log_expected_improvement(4.0, 0.0, 3.0, Toward::lower).value));
    CHECK(attune::probability_of_improvement(1.0, 0.0, 3.0, Toward::lower).value == 1.0);
    CHECK_THROWS_AS(attune::upper_confidence_bound(0.0, 1.0, -1.0, Toward::lower), attune::InvalidOption);
}

TEST_CASE("batch acquisitions of one point are the single ones in the mean, and refuse nothing to look at") {
    const Eigen::MatrixXd samples = (Eigen::MatrixXd(4, 1) << -1.0, 0.5, 1.5, 3.0).finished();
    CHECK(attune::q_expected_improvement(samples, 1.0) == doctest::Approx((0.5 + 2.0) / 4));
    CHECK(attune::q_log_expected_improvement(samples, 1.0) ==
          doctest::Approx(std::log((0.5 + 2.0) / 4)).epsilon(1e-4));
    CHECK(attune::q_probability_of_improvement(samples, 1.0) == doctest::Approx(0.5));
    CHECK_THROWS_AS(attune::q_expected_improvement(Eigen::MatrixXd(0, 1), 0.0), attune::InvalidOption);
    CHECK_THROWS_AS(attune::q_log_expected_improvement(samples, 0.0, {.improvement = 0.0}),
                    attune::InvalidOption);
}
