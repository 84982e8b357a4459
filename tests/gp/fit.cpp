#include "attune/gp/fit.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "attune/gp/fit_text.hpp"
#include "gp/support.hpp"

namespace {

using attune::Hyperparameters;
using attune::InputMetric;
using attune::Points;
using attune::Purpose;
using attune::RandomStream;
using attune::RegressionFitOptions;

template <class Kernel>
void check_gradient() {
    CAPTURE(Kernel::name);
    RandomStream stream(3, 0, Purpose::user);
    const Points x = attune::test::mixed_points(14, stream);
    attune::MarginalLikelihood<Kernel> likelihood(attune::test::mixed_metric(), x,
                                                  attune::test::normals(14, stream));
    Eigen::VectorXd theta(6);
    theta << -0.9, 0.2, -0.4, 0.3, 0.5, -3.0;
    for (const std::optional<double> mean : {std::optional<double>(0.4), std::optional<double>()}) {
        const auto value = [&](const Eigen::VectorXd& t) {
            return likelihood.evaluate(t.head(4), t[4], t[5], mean).value;
        };
        const attune::LikelihoodGradient at = likelihood.evaluate(theta.head(4), theta[4], theta[5], mean);
        Eigen::VectorXd gradient(6);
        gradient << at.by_log_length_scales, at.by_log_signal_variance, at.by_log_noise_variance;
        for (Eigen::Index i = 0; i < 6; ++i) {
            const double h = 1e-5;
            Eigen::VectorXd up = theta;
            Eigen::VectorXd down = theta;
            up[i] += h;
            down[i] -= h;
            CHECK(gradient[i] == doctest::Approx((value(up) - value(down)) / (2 * h)).epsilon(1e-6));
        }
    }
}

std::vector<Hyperparameters> starts(Eigen::Index components) {
    return {{Eigen::VectorXd::Constant(components, 0.5), 1.0, 1e-3, 0.0},
            {Eigen::VectorXd::Constant(components, 0.2), 1.0, 1e-2, 0.0}};
}

}  // namespace

TEST_CASE("the likelihood's gradient agrees with finite differences, mixed and inactive inputs included") {
    check_gradient<attune::Matern52>();
    check_gradient<attune::Matern32>();
    check_gradient<attune::Matern12>();
    check_gradient<attune::SquaredExponential>();
}

TEST_CASE("a fit tells the dimension that matters from the one that does not") {
    RandomStream stream(21, 0, Purpose::user);
    const Points x = attune::test::uniform_points(40, 2, stream);
    Eigen::VectorXd y(40);
    for (Eigen::Index i = 0; i < 40; ++i) y[i] = std::sin(9.0 * x(i, 0)) + 0.05 * stream.normal();
    const auto metric = InputMetric::numeric(2);
    const auto fit =
        attune::fit_hyperparameters<>(metric, x, y, starts(2), RegressionFitOptions::with_priors(2));
    CHECK(fit.hyperparameters.length_scales[0] < 0.8);
    CHECK(fit.hyperparameters.length_scales[1] > 3.0 * fit.hyperparameters.length_scales[0]);
    CHECK(std::sqrt(fit.hyperparameters.noise_variance) < 0.15);
    CHECK(fit.evaluations > 2);
    const auto again =
        attune::fit_hyperparameters<>(metric, x, y, starts(2), RegressionFitOptions::with_priors(2));
    CHECK(again.hyperparameters == fit.hyperparameters);
}

TEST_CASE("one and two points, equal targets and duplicates can be fitted") {
    const auto metric = InputMetric::numeric(2);
    const auto options = RegressionFitOptions::with_priors(2);
    for (const Eigen::Index n : {1, 2, 6}) {
        Points x = Points::Constant(n, 2, 0.5);
        if (n > 1) x(0, 0) = 0.1;
        const auto fit =
            attune::fit_hyperparameters<>(metric, x, Eigen::VectorXd::Zero(n), starts(2), options);
        CHECK(std::isfinite(fit.log_posterior));
        CHECK_NOTHROW(fit.hyperparameters.validate(metric));
        const attune::GaussianProcessRegression<> model(metric, fit.hyperparameters, x,
                                                        Eigen::VectorXd::Zero(n));
        CHECK(model.predict(x.row(0)).mean == doctest::Approx(0.0));
    }
}

TEST_CASE("bounds hold and wrong options are refused") {
    RandomStream stream(23, 0, Purpose::user);
    const auto metric = InputMetric::numeric(1);
    const Points x = attune::test::uniform_points(10, 1, stream);
    const Eigen::VectorXd y = attune::test::normals(10, stream);
    RegressionFitOptions options;
    options.noise_variance = {0.3, 0.3};
    options.length_scale = {0.2, 0.4};
    const auto fit = attune::fit_hyperparameters<>(metric, x, y, starts(1), options);
    CHECK(fit.hyperparameters.noise_variance == doctest::Approx(0.3));
    CHECK(fit.hyperparameters.length_scales[0] >= 0.2 * (1 - 1e-12));
    CHECK(fit.hyperparameters.length_scales[0] <= 0.4 * (1 + 1e-12));
    options.length_scale = {0.4, 0.2};
    CHECK_THROWS_WITH_AS(attune::fit_hyperparameters<>(metric, x, y, starts(1), options),
                         doctest::Contains("length_scale"), attune::InvalidOption);
    CHECK_THROWS_AS(attune::fit_hyperparameters<>(metric, x, y, {}, RegressionFitOptions{}),
                    attune::InvalidOption);
}

TEST_CASE("the prior's slope agrees with its density and its mode is where it says") {
    const attune::LogNormalPrior prior = attune::dimension_scaled_prior(5);
    const double at = std::log(prior.mode());
    CHECK(prior.slope(at) == doctest::Approx(0.0).epsilon(1e-12));
    CHECK(prior.slope(0.3) ==
          doctest::Approx((prior.log_density(0.3001) - prior.log_density(0.2999)) / 2e-4).epsilon(1e-6));
    CHECK(attune::dimension_scaled_prior(20).mode() == doctest::Approx(2.0 * prior.mode()));
}

TEST_CASE("a stored fit comes back to the last bit, and anything else is no fit") {
    const auto metric = InputMetric::numeric(3);
    const attune::StoredFit fit{17, {Eigen::Vector3d(0.1, 1.0 / 3.0, 1e-7), 2.0 / 3.0, 1e-300, -0.1}};
    const auto back = attune::StoredFit::parse(fit.text(), metric);
    REQUIRE(back.has_value());
    CHECK(back->observations == 17);
    CHECK(back->hyperparameters == fit.hyperparameters);
    for (const auto warping :
         {attune::Warping::log_excess, attune::Warping::none, attune::Warping::half_rank}) {
        auto warped = fit;
        warped.warping = warping;
        const auto warped_back = attune::StoredFit::parse(warped.text(), metric);
        REQUIRE(warped_back.has_value());
        CHECK(warped_back->warping == warping);
        CHECK(warped_back->hyperparameters == fit.hyperparameters);
    }
    CHECK(back->warping == attune::Warping::half_rank);
    CHECK_FALSE(attune::StoredFit::parse(fit.text(), InputMetric::numeric(2)).has_value());
    CHECK_FALSE(attune::StoredFit::parse("", metric).has_value());
    const std::string text = fit.text();
    for (std::size_t cut = 0; cut < text.size(); ++cut)
        CHECK_NOTHROW((void)attune::StoredFit::parse(text.substr(0, cut), metric));
    CHECK_FALSE(
        attune::StoredFit::parse("gp1 n=3 mean=0 signal=-1 noise=0 scales=1,1,1", metric).has_value());
    CHECK_FALSE(
        attune::StoredFit::parse("gp1 n=3 mean=0 signal=nan noise=0 scales=1,1,1", metric).has_value());
}
