#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "attune/gp/acquisition.hpp"
#include "attune/gp/hypervolume_improvement.hpp"
#include "attune/study/pareto.hpp"
#include "support/shared_data.hpp"

namespace {

using attune::Toward;
using nlohmann::json;

double number(const json& j) {
    if (j.is_number()) return j;
    const std::string text = j;
    if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
    return (text == "-inf" ? -1.0 : 1.0) * std::numeric_limits<double>::infinity();
}

/// Within `tolerance` relative, or both below `floor`: reference values that underflowed say no more.
void check_near(double actual, const json& reference, double tolerance = 1e-9, double floor = 1e-300) {
    const double expected = number(reference);
    CAPTURE(expected);
    if (std::isinf(expected))
        CHECK(actual == expected);
    else
        CHECK(std::abs(actual - expected) <= tolerance * std::abs(expected) + floor);
}

Eigen::MatrixXd matrix_of(const json& j) {
    Eigen::MatrixXd m(j.size(), j.at(0).size());
    for (Eigen::Index r = 0; r < m.rows(); ++r)
        for (Eigen::Index c = 0; c < m.cols(); ++c)
            m(r, c) = j.at(static_cast<std::size_t>(r)).at(static_cast<std::size_t>(c));
    return m;
}

json read(const std::filesystem::path& path) { return json::parse(std::ifstream(path)); }

/// Maximised values as losses.
std::vector<double> losses_of(const json& j) {
    std::vector<double> losses;
    for (const json& value : j) losses.push_back(-value.get<double>());
    return losses;
}

}  // namespace

TEST_CASE("analytic acquisitions agree with reference values") {
    const auto path = attune::test::shared("fixtures/hpo/acquisition.json");
    if (!path) return;
    const json file = read(*path);
    for (const json& c : file.at("analytic")) {
        CAPTURE(c.dump());
        const double mean = c.at("mean");
        const double sigma = c.at("sigma");
        const double best = c.at("best");
        const Toward toward = c.at("maximize").get<bool>() ? Toward::higher : Toward::lower;
        // The peer's plain values cancel in the tail; ours are compared with the floor of its double
        // precision.
        check_near(attune::expected_improvement(mean, sigma, best, toward).value, c.at("ei"), 1e-9,
                   1e-15 * sigma);
        check_near(attune::log_expected_improvement(mean, sigma, best, toward).value, c.at("log_ei"), 1e-9,
                   1e-12);
        check_near(attune::probability_of_improvement(mean, sigma, best, toward).value, c.at("pi"), 1e-9,
                   1e-16);
        check_near(attune::log_probability_of_improvement(mean, sigma, best, toward).value, c.at("log_pi"),
                   1e-9, 1e-12);
        check_near(attune::upper_confidence_bound(mean, sigma, 4.0, toward).value, c.at("ucb_beta_4"), 1e-9,
                   1e-12);
        check_near(attune::upper_confidence_bound(mean, sigma, 0.5, toward).value, c.at("ucb_beta_0.5"), 1e-9,
                   1e-12);
        attune::test::count_run();
    }
}

TEST_CASE("the logarithms of h and of the normal distribution are exact far in the tails") {
    const auto path = attune::test::shared("fixtures/hpo/acquisition.json");
    if (!path) return;
    const json file = read(*path);
    for (const json& c : file.at("log_h_tail")) {
        const double z = c.at("z");
        CAPTURE(z);
        const auto [value, slope] = attune::log_h(z);
        check_near(value, c.at("log_h_exact"), 1e-11, 1e-14);
        check_near(value, c.at("log_h_botorch"), 1e-6, 1e-12);
        check_near(slope, c.at("d_log_h_dz_botorch"), 1e-6);
        check_near(attune::log_normal_cdf(z), c.at("log_cdf_exact"), 1e-11, 1e-18);
        attune::test::count_run();
    }
}

TEST_CASE("Monte Carlo acquisitions agree with reference values") {
    const auto path = attune::test::shared("fixtures/hpo/acquisition.json");
    if (!path) return;
    const json file = read(*path);
    const json& parameters = file.at("q_log_ei_parameters");
    attune::Smoothing fat{parameters.at("tau_relu"), parameters.at("tau_max"), true};
    attune::Smoothing thin = fat;
    thin.fat = false;
    for (const json& c : file.at("monte_carlo")) {
        CAPTURE(c.at("best").dump());
        const Eigen::MatrixXd samples = matrix_of(c.at("samples"));
        const double best = c.at("best");
        check_near(attune::q_expected_improvement(samples, best), c.at("q_ei"));
        check_near(attune::q_log_expected_improvement(samples, best, fat), c.at("q_log_ei"));
        check_near(attune::q_log_expected_improvement(samples, best, thin), c.at("q_log_ei_not_fat"));
        check_near(attune::q_probability_of_improvement(samples, best, 1e-3), c.at("q_pi_tau1e-3"));
        check_near(attune::q_upper_confidence_bound(samples, 0.2), c.at("q_ucb_beta_0.2"));
        attune::test::count_run();
    }
}

TEST_CASE("expected hypervolume improvement of two objectives agrees with reference values") {
    const auto path = attune::test::shared("fixtures/hpo/acquisition.json");
    if (!path) return;
    const json file = read(*path);
    for (const json& c : file.at("ehvi_two_objectives_maximise")) {
        std::vector<std::vector<double>> front;
        for (const json& p : c.at("pareto_front")) front.push_back(losses_of(p));
        const auto reference = losses_of(c.at("ref_point"));
        const attune::HypervolumeImprovement improvement(front, reference);
        CAPTURE(c.at("mean").dump());
        check_near(improvement.expected(losses_of(c.at("mean")), c.at("sigma").get<std::vector<double>>()),
                   c.at("ehvi"), 1e-9, 1e-15);
        check_near(attune::hypervolume(front, reference), c.at("hypervolume_of_front"));
        double sum = 0.0;
        for (const json& s : c.at("samples")) sum += improvement.of(losses_of(s));
        check_near(sum / static_cast<double>(c.at("samples").size()), c.at("q_ehvi_on_samples"), 1e-9, 1e-15);
        attune::test::count_run();
    }
}
