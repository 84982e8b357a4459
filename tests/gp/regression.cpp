#include "attune/gp/regression.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>

#include "gp/support.hpp"

namespace {

using attune::GaussianProcessRegression;
using attune::Hyperparameters;
using attune::InputMetric;
using attune::Points;
using attune::Purpose;
using attune::RandomStream;

Hyperparameters mixed_hyperparameters() { return {Eigen::Vector4d(0.4, 0.9, 0.6, 1.1), 1.7, 0.02, -0.3}; }

GaussianProcessRegression<> mixed_model(Eigen::Index n, std::uint64_t seed) {
    RandomStream stream(seed, 0, Purpose::user);
    const Points x = attune::test::mixed_points(n, stream);
    return {attune::test::mixed_metric(), mixed_hyperparameters(), x, attune::test::normals(n, stream)};
}

}  // namespace

TEST_CASE("appending rows gives, bit by bit, the model that is built at once") {
    CHECK(rc::check([](std::uint64_t seed) {
        RandomStream stream(seed, 0, Purpose::user);
        const auto n = static_cast<Eigen::Index>(1 + stream.below(40));
        const auto kept = static_cast<Eigen::Index>(stream.below(static_cast<std::uint64_t>(n)));
        Points x = attune::test::mixed_points(n, stream);
        if (n > 3) x.row(n - 1) = x.row(0);  // a duplicate
        const Eigen::VectorXd y = attune::test::normals(n, stream);
        Hyperparameters h = mixed_hyperparameters();
        if (stream.below(3) == 0) h.noise_variance = 0.0;  // the duplicate then calls for a jitter
        const GaussianProcessRegression<> whole(attune::test::mixed_metric(), h, x, y);
        GaussianProcessRegression<> grown(attune::test::mixed_metric(), h, x.topRows(kept), y.head(kept));
        for (Eigen::Index i = kept; i < n; ++i) grown.append(x.row(i), y[i]);
        RC_ASSERT(grown.jitter() == whole.jitter());
        RC_ASSERT((grown.factor().array() == whole.factor().array()).all());
        RC_ASSERT(grown.log_marginal_likelihood() == whole.log_marginal_likelihood());
        const Points tests = attune::test::mixed_points(5, stream);
        for (Eigen::Index i = 0; i < tests.rows(); ++i) {
            const auto a = whole.predict(tests.row(i));
            const auto b = grown.predict(tests.row(i));
            RC_ASSERT(a.mean == b.mean);
            RC_ASSERT(a.variance == b.variance);
        }
    }));
}

TEST_CASE("the factor reproduces the covariance") {
    const auto model = mixed_model(30, 5);
    const Eigen::MatrixXd l = model.factor();
    const Eigen::MatrixXd k = l * l.transpose();
    const auto h = mixed_hyperparameters();
    const Points x = model.points();
    for (Eigen::Index i = 0; i < 30; ++i)
        for (Eigen::Index j = 0; j <= i; ++j) {
            const Eigen::VectorXd w = h.length_scales.array().square().inverse().matrix();
            const double s = model.metric().weighted(&x(i, 0), &x(j, 0), w.data());
            const double r = std::sqrt(5.0 * s);
            const double expected = 1.7 * (1.0 + r + r * r / 3.0) * std::exp(-r) + (i == j ? 0.02 : 0.0);
            CHECK(k(i, j) == doctest::Approx(expected).epsilon(1e-12));
        }
}

TEST_CASE("gradients of predictions agree with finite differences; batches with single points") {
    const auto model = mixed_model(25, 7);
    RandomStream stream(8, 0, Purpose::user);
    const Points tests = attune::test::mixed_points(12, stream);
    Eigen::VectorXd mean;
    Eigen::VectorXd variance;
    model.predict(tests, mean, variance);
    for (Eigen::Index i = 0; i < tests.rows(); ++i) {
        const auto single = model.predict(tests.row(i));
        CHECK(single.mean == doctest::Approx(mean[i]).epsilon(1e-12));
        CHECK(single.variance == doctest::Approx(variance[i]).epsilon(1e-12));
        const auto gradient = model.predict_with_gradient(tests.row(i));
        CHECK(gradient.mean == doctest::Approx(single.mean).epsilon(1e-12));
        CHECK(gradient.variance == doctest::Approx(single.variance).epsilon(1e-12));
        CHECK(gradient.mean_gradient[1] == 0.0);
        for (const Eigen::Index j : {0, 2}) {
            if (std::isnan(tests(i, j))) {
                CHECK(gradient.mean_gradient[j] == 0.0);
                continue;
            }
            const double h = 1e-5;
            Eigen::RowVectorXd up = tests.row(i);
            Eigen::RowVectorXd down = up;
            up[j] += h;
            down[j] -= h;
            const auto above = model.predict(up);
            const auto below = model.predict(down);
            CHECK(gradient.mean_gradient[j] ==
                  doctest::Approx((above.mean - below.mean) / (2 * h)).epsilon(1e-6));
            CHECK(gradient.variance_gradient[j] ==
                  doctest::Approx((above.variance - below.variance) / (2 * h)).epsilon(1e-6));
        }
    }
}

TEST_CASE("leave-one-out agrees with leaving one out") {
    const auto model = mixed_model(12, 11);
    const auto loo = model.leave_one_out();
    double density = 0.0;
    for (Eigen::Index left = 0; left < 12; ++left) {
        GaussianProcessRegression<> rest(model.metric(), model.hyperparameters(), Points(0, 3),
                                         Eigen::VectorXd(0));
        for (Eigen::Index i = 0; i < 12; ++i)
            if (i != left) rest.append(model.points().row(i), model.targets()[i]);
        const auto p = rest.predict(model.points().row(left));
        const double variance = p.variance + model.hyperparameters().noise_variance;
        CHECK(loo.mean[left] == doctest::Approx(p.mean).epsilon(1e-9));
        CHECK(loo.variance[left] == doctest::Approx(variance).epsilon(1e-9));
        const double error = model.targets()[left] - p.mean;
        density -= 0.5 * (std::log(2 * 3.14159265358979323846 * variance) + error * error / variance);
    }
    CHECK(loo.log_predictive_density == doctest::Approx(density).epsilon(1e-9));
}

TEST_CASE("joint samples have the joint posterior's moments") {
    const auto model = mixed_model(8, 13);
    RandomStream stream(14, 0, Purpose::user);
    Points tests = attune::test::mixed_points(3, stream);
    tests.row(2) = tests.row(0);  // the same point twice: a singular covariance
    constexpr Eigen::Index draws = 20000;
    Eigen::MatrixXd normals(draws, 3);
    for (Eigen::Index i = 0; i < normals.size(); ++i) normals(i) = stream.normal();
    const Eigen::MatrixXd samples = model.sample(tests, normals);
    const auto joint = model.predict_jointly(tests);
    const Eigen::RowVectorXd mean = samples.colwise().mean();
    const Eigen::MatrixXd centred = samples.rowwise() - mean;
    const Eigen::MatrixXd covariance = centred.transpose() * centred / static_cast<double>(draws);
    // Six standard errors of the estimates: the seed is fixed, and of 10^8 seeds one or so would fail.
    const double scale = joint.covariance.diagonal().maxCoeff();
    for (Eigen::Index i = 0; i < 3; ++i) {
        CHECK(std::abs(mean[i] - joint.mean[i]) < 6 * std::sqrt(scale / draws));
        for (Eigen::Index j = 0; j < 3; ++j)
            CHECK(std::abs(covariance(i, j) - joint.covariance(i, j)) < 6 * scale * std::sqrt(2.0 / draws));
        CHECK(std::abs(samples(i, 0) - samples(i, 2)) < 1e-3);
    }
}

TEST_CASE("no, one and two points, equal targets and duplicates are fine") {
    const auto metric = InputMetric::numeric(1);
    const Hyperparameters h{Eigen::VectorXd::Constant(1, 0.5), 1.0, 0.0, 0.25};
    GaussianProcessRegression<> model(metric, h, Points(0, 1), Eigen::VectorXd(0));
    const Eigen::RowVectorXd x = Eigen::RowVectorXd::Constant(1, 0.3);
    CHECK(model.predict(x).mean == 0.25);
    CHECK(model.predict(x).variance == 1.0);
    CHECK(model.log_marginal_likelihood() == 0.0);
    model.append(x, 2.0);
    CHECK(model.predict(x).mean == doctest::Approx(2.0));
    CHECK(model.predict(x).variance == doctest::Approx(0.0));
    CHECK(model.jitter() == 0.0);
    for (int i = 0; i < 5; ++i) model.append(x, 2.0);
    CHECK(model.jitter() > 0.0);
    CHECK(model.jitter() < 1e-6);
    CHECK(model.predict(x).mean == doctest::Approx(2.0).epsilon(1e-6));
    model.profile_mean();
    CHECK(model.hyperparameters().mean == doctest::Approx(2.0).epsilon(1e-6));
}

TEST_CASE("the profiled mean is the one with the most likelihood") {
    auto model = mixed_model(20, 17);
    model.profile_mean();
    const double best = model.log_marginal_likelihood();
    for (const double shift : {-0.01, 0.01}) {
        Hyperparameters h = model.hyperparameters();
        h.mean += shift;
        const GaussianProcessRegression<> other(model.metric(), h, Points(model.points()), model.targets());
        CHECK(other.log_marginal_likelihood() < best);
    }
    const GaussianProcessRegression<> same(model.metric(), model.hyperparameters(), Points(model.points()),
                                           model.targets());
    CHECK(same.log_marginal_likelihood() == doctest::Approx(best).epsilon(1e-12));
}

TEST_CASE("wrong shapes and targets are refused") {
    const auto metric = InputMetric::numeric(2);
    const Hyperparameters h{Eigen::Vector2d(0.5, 0.5), 1.0, 0.01, 0.0};
    CHECK_THROWS_AS(GaussianProcessRegression<>(metric, h, Points::Zero(2, 3), Eigen::Vector2d(0, 0)),
                    attune::InvalidOption);
    CHECK_THROWS_AS(GaussianProcessRegression<>(metric, h, Points::Zero(2, 2), Eigen::Vector3d(0, 0, 0)),
                    attune::InvalidOption);
    CHECK_THROWS_AS(GaussianProcessRegression<>(metric, h, Points::Zero(1, 2),
                                                Eigen::VectorXd::Constant(1, std::nan(""))),
                    attune::InvalidOption);
    const GaussianProcessRegression<> model(metric, h, Points::Zero(1, 2), Eigen::VectorXd::Zero(1));
    CHECK_THROWS_AS((void)model.predict(Eigen::RowVectorXd::Zero(1)), attune::InvalidOption);
}
