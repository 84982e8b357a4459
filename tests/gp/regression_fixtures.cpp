#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/gp/fit.hpp"
#include "attune/gp/input_warping.hpp"
#include "support/shared_data.hpp"

namespace {

using attune::Hyperparameters;
using attune::Points;
using nlohmann::json;

Eigen::VectorXd vector_of(const json& j) {
    const auto values = j.get<std::vector<double>>();
    return Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
}

Points matrix_of(const json& j) {
    Points m(j.size(), j.at(0).size());
    for (Eigen::Index r = 0; r < m.rows(); ++r)
        m.row(r) = vector_of(j.at(static_cast<std::size_t>(r))).transpose();
    return m;
}

/// Agreement within 1e-9 relative, with a floor for what cancellation leaves of the targets' scale.
doctest::Approx near(double expected) { return doctest::Approx(expected).epsilon(1e-9); }

template <class Kernel>
void check_case(const json& c) {
    const Points x = matrix_of(c.at("X"));
    const auto metric = attune::InputMetric::numeric(static_cast<std::size_t>(x.cols()));
    const Hyperparameters h{vector_of(c.at("lengthscales")), c.at("signal_variance"), c.at("noise_variance"),
                            c.at("mean_constant")};
    const Eigen::VectorXd y = vector_of(c.at("y"));
    const attune::GaussianProcessRegression<Kernel> gp(metric, h, x, y);
    CHECK(gp.jitter() == 0.0);
    CHECK(gp.log_marginal_likelihood() == near(c.at("log_marginal_likelihood")));

    attune::MarginalLikelihood<Kernel> likelihood(metric, x, y);
    const auto& l = likelihood.evaluate(h.length_scales.array().log().matrix(), std::log(h.signal_variance),
                                        std::log(h.noise_variance), h.mean);
    const json& g = c.at("gradient");
    CHECK(l.value == near(c.at("log_marginal_likelihood")));
    CHECK(l.by_log_signal_variance == near(g.at("d_log_signal_variance")));
    CHECK(l.by_log_noise_variance == near(g.at("d_log_noise_variance")));
    CHECK(l.by_mean == near(g.at("d_mean_constant")));
    const Eigen::VectorXd by_scale = vector_of(g.at("d_log_lengthscales"));
    for (Eigen::Index j = 0; j < by_scale.size(); ++j) CHECK(l.by_log_length_scales[j] == near(by_scale[j]));

    const Points tests = matrix_of(c.at("X_test"));
    const Eigen::VectorXd mean = vector_of(c.at("posterior_mean"));
    const Eigen::VectorXd variance = vector_of(c.at("posterior_variance_latent"));
    for (Eigen::Index i = 0; i < tests.rows(); ++i) {
        const auto p = gp.predict(tests.row(i));
        CHECK(p.mean == near(mean[i]));
        CHECK(p.variance == near(variance[i]));
    }
    const Eigen::MatrixXd expected = matrix_of(c.at("posterior_covariance_latent_first4"));
    const auto joint = gp.predict_jointly(tests.topRows(expected.rows()));
    for (Eigen::Index i = 0; i < expected.size(); ++i)
        CHECK(std::abs(joint.covariance(i) - expected(i)) < 1e-9 * h.signal_variance);
}

template <class Check>
bool with_kernel(const std::string& name, const Check& check) {
    if (name == "matern52") return check.template operator()<attune::Matern52>(), true;
    if (name == "matern32") return check.template operator()<attune::Matern32>(), true;
    if (name == "matern12") return check.template operator()<attune::Matern12>(), true;
    if (name == "rbf") return check.template operator()<attune::SquaredExponential>(), true;
    return false;
}

attune::Bounds bounds_of(const json& j) { return {j.at(0), j.at(1)}; }

template <class Kernel>
void check_fit(const json& c) {
    const Points x = matrix_of(c.at("X"));
    const auto metric = attune::InputMetric::numeric(static_cast<std::size_t>(x.cols()));
    attune::RegressionFitOptions options;
    options.length_scale = bounds_of(c.at("bounds").at("lengthscale"));
    options.signal_variance = bounds_of(c.at("bounds").at("signal_variance"));
    options.noise_variance = bounds_of(c.at("bounds").at("noise_variance"));
    options.fixed_mean = 0.0;
    options.refined_starts = 8;
    std::vector<Hyperparameters> starts;
    for (const double scale : {0.1, 0.3, 1.0, 3.0})
        for (const double noise : {1e-4, 1e-2})
            starts.push_back({Eigen::VectorXd::Constant(x.cols(), scale), 1.0, noise, 0.0});
    const auto fit = attune::fit_hyperparameters<Kernel>(metric, x, vector_of(c.at("y")), starts, options);
    CHECK(fit.log_posterior > c.at("best_log_marginal_likelihood").get<double>() - 1e-3);
    const attune::GaussianProcessRegression<Kernel> gp(metric, fit.hyperparameters, x, vector_of(c.at("y")));
    CHECK(gp.log_marginal_likelihood() == doctest::Approx(fit.log_posterior).epsilon(1e-9));
}

}  // namespace

TEST_CASE("regression agrees with reference values") {
    const auto path = attune::test::shared("fixtures/hpo/gp.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    for (const json& c : file.at("cases")) {
        CAPTURE(c.at("name").get<std::string>());
        const std::string kernel = c.at("kernel");
        if (with_kernel(kernel, [&]<class K>() { check_case<K>(c); }))
            attune::test::count_run();
        else
            attune::test::count_skip("gp.json, kernel " + kernel, "no such kernel here");
    }
}

TEST_CASE("fits reach the reference likelihood") {
    const auto path = attune::test::shared("fixtures/hpo/gp.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    for (const json& c : file.at("fits")) {
        const std::string kernel = c.at("kernel");
        if (with_kernel(kernel, [&]<class K>() { check_fit<K>(c); }))
            attune::test::count_run();
        else
            attune::test::count_skip("gp.json, fit of kernel " + kernel, "no such kernel here");
    }
}

TEST_CASE("Kumaraswamy's distribution function agrees with reference values") {
    const auto path = attune::test::shared("fixtures/hpo/gp.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    if (!file.contains("kumaraswamy_cdf")) return;
    const json& table = file.at("kumaraswamy_cdf");
    const Eigen::VectorXd x = vector_of(table.at("x"));
    for (std::size_t k = 0; k < table.at("a").size(); ++k) {
        const attune::KumaraswamyWarping warp{table.at("a").at(k), table.at("b").at(k)};
        const Eigen::VectorXd row = vector_of(table.at("rows_by_a_b").at(k));
        REQUIRE(row.size() == x.size());
        for (Eigen::Index i = 0; i < x.size(); ++i) CHECK(warp(x[i]) == near(row[i]));
        attune::test::count_run();
    }
}
