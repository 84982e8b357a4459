#include "attune/gp/kernel.hpp"

#include <doctest/doctest.h>

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>
#include <vector>

#include "attune/study/random_stream.hpp"

namespace {

constexpr double inactive = std::numeric_limits<double>::quiet_NaN();

template <class Kernel>
void check_kernel() {
    CAPTURE(Kernel::name);
    Eigen::ArrayXd s(5);
    s << 0.0, 0.04, 0.5, 2.0, 30.0;
    Eigen::ArrayXd c(5);
    Eigen::ArrayXd with_slope(5);
    Eigen::ArrayXd slope(5);
    Kernel::correlate(s, c);
    Kernel::correlate(s, with_slope, slope);
    CHECK(c[0] == 1.0);
    CHECK(slope.allFinite());
    for (Eigen::Index i = 0; i < s.size(); ++i) {
        CHECK(c[i] == doctest::Approx(with_slope[i]).epsilon(1e-14));
        if (i == 0) continue;
        CHECK(c[i] < c[i - 1]);
        const double h = 1e-6 * s[i];
        Eigen::ArrayXd around(2);
        around << s[i] - h, s[i] + h;
        Eigen::ArrayXd values(2);
        Kernel::correlate(around, values);
        CHECK(slope[i] == doctest::Approx((values[1] - values[0]) / (2 * h)).epsilon(1e-6));
    }
}

}  // namespace

TEST_CASE("kernels are 1 at distance 0, fall, and have the slope that they say") {
    check_kernel<attune::Matern52>();
    check_kernel<attune::Matern32>();
    check_kernel<attune::Matern12>();
    check_kernel<attune::SquaredExponential>();
}

TEST_CASE("the metric compares numbers by difference, choices by equality, and presence on its own") {
    using attune::DimensionKind;
    const attune::InputMetric metric({{DimensionKind::numeric, false},
                                      {DimensionKind::categorical, false},
                                      {DimensionKind::numeric, true},
                                      {DimensionKind::categorical, true}});
    CHECK(metric.components() == 6);
    const auto distances = [&](std::vector<double> a, std::vector<double> b) {
        std::vector<double> out(6);
        metric.squared_distances(a.data(), b.data(), out.data(), 1);
        const std::vector<double> weights{1, 2, 4, 8, 16, 32};
        double sum = 0;
        for (std::size_t i = 0; i < 6; ++i) sum += weights[i] * out[i];
        CHECK(metric.weighted(a.data(), b.data(), weights.data()) == doctest::Approx(sum));
        return out;
    };
    CHECK(distances({0.25, 0, 0.5, 1}, {0.75, 3, 0.25, 1}) == std::vector<double>{0.25, 1, 0.0625, 0, 0, 0});
    CHECK(distances({0, 1, inactive, 1}, {0, 1, inactive, 2}) == std::vector<double>{0, 0, 0, 1, 0, 0});
    CHECK(distances({0, 1, inactive, 1}, {0, 1, 1, inactive}) == std::vector<double>{0, 0, 0.25, 0.5, 1, 1});
    CHECK(distances({0, 1, 0, inactive}, {0, 1, inactive, inactive}) ==
          std::vector<double>{0, 0, 0.25, 0, 1, 0});
    CHECK_THROWS_AS(attune::InputMetric({}), attune::InvalidOption);
}

TEST_CASE("correlations over inactive values are positive definite, however little presence matters") {
    const attune::InputMetric metric({{attune::DimensionKind::numeric, true},
                                      {attune::DimensionKind::categorical, true},
                                      {attune::DimensionKind::numeric, false}});
    attune::RandomStream stream(5, 0, attune::Purpose::user);
    for (int repeat = 0; repeat < 200; ++repeat) {
        constexpr Eigen::Index n = 24;
        attune::Points points(n, 3);
        for (Eigen::Index i = 0; i < n; ++i)
            points.row(i) << (stream.uniform() < 0.4 ? inactive : stream.uniform()),
                (stream.uniform() < 0.4 ? inactive : std::floor(4 * stream.uniform())), stream.uniform();
        double weights[5];
        for (double& weight : weights) weight = std::exp(stream.uniform(std::log(1e-3), std::log(1e2)));
        Eigen::ArrayXd squares(n), column(n);
        Eigen::MatrixXd covariance(n, n);
        for (Eigen::Index j = 0; j < n; ++j) {
            for (Eigen::Index i = 0; i < n; ++i)
                squares[i] = metric.weighted(&points(i, 0), &points(j, 0), weights);
            attune::SquaredExponential::correlate(squares, column);
            covariance.col(j) = column;
        }
        const double least = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(covariance).eigenvalues()[0];
        CAPTURE(repeat);
        REQUIRE(least > -1e-12 * n);
    }
}

TEST_CASE("hyperparameters outside their range are refused with their value") {
    const auto metric = attune::InputMetric::numeric(2);
    attune::Hyperparameters h{Eigen::Vector2d(0.5, 1.0), 1.0, 0.1, 0.0};
    CHECK_NOTHROW(h.validate(metric));
    h.length_scales[1] = -1.0;
    CHECK_THROWS_WITH_AS(h.validate(metric), doctest::Contains("length_scales = -1"), attune::InvalidOption);
    h.length_scales = Eigen::VectorXd::Ones(3);
    CHECK_THROWS_AS(h.validate(metric), attune::InvalidOption);
}
