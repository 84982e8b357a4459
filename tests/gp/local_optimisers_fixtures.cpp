#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/gp/bounded_minimise.hpp"
#include "attune/gp/nelder_mead.hpp"
#include "support/shared_data.hpp"
#include "support/test_functions.hpp"

namespace {

using Json = nlohmann::json;
using Vector = Eigen::VectorXd;

attune::test::Vector plain(const Vector& x) { return {x.data(), x.data() + x.size()}; }

Vector vector_of(const Json& json) {
    const auto values = json.get<std::vector<double>>();
    return Eigen::Map<const Vector>(values.data(), static_cast<Eigen::Index>(values.size()));
}

/// Central differences, on the side that is inside at the bounds: the reference had no gradients either.
Vector gradient_of(const attune::test::TestFunction& f, const Vector& x, const Vector& low,
                   const Vector& high) {
    Vector gradient(x.size());
    for (Eigen::Index i = 0; i < x.size(); ++i) {
        const double away = 1e-6 * std::max(1.0, std::abs(x[i]));
        Vector above = x, below = x;
        above[i] = std::min(x[i] + away, high[i]);
        below[i] = std::max(x[i] - away, low[i]);
        gradient[i] = (f(plain(above)) - f(plain(below))) / (above[i] - below[i]);
    }
    return gradient;
}

void check_optimum(const Vector& x, double value, const Json& expected) {
    const Vector wanted = vector_of(expected.at("x"));
    CHECK((x - wanted).cwiseAbs().maxCoeff() <= 1e-4);
    CHECK(std::abs(value - expected.at("f").get<double>()) <= 1e-6);
}

void check_problem(const Json& item) {
    const auto f = attune::test::test_function(item.at("function"));
    if (!f)
        return attune::test::count_skip("local_optimisers, " + item.at("function").get<std::string>(),
                                        "no such function here");
    const Vector start = vector_of(item.at("x0"));
    Vector low = Vector::Constant(start.size(), -1e10), high = -low;
    if (!item.at("bounds").is_null())
        for (Eigen::Index i = 0; i < start.size(); ++i) {
            low[i] = item.at("bounds").at(static_cast<std::size_t>(i)).at(0);
            high[i] = item.at("bounds").at(static_cast<std::size_t>(i)).at(1);
        }
    if (item.contains("nelder_mead")) {
        INFO("nelder_mead");
        const auto found =
            attune::nelder_mead([&](const Vector& x) { return f(plain(x)); }, start, low, high);
        check_optimum(found.x, found.value, item.at("nelder_mead"));
    }
    if (item.contains("lbfgsb")) {
        INFO("lbfgsb");
        attune::detail::MinimiseLimits limits;
        limits.iterations = limits.evaluations = 2000;
        limits.gradient = 1e-7;
        limits.change = 1e-14;
        const auto with_gradient = [&](const Vector& x, Vector& gradient) {
            gradient = gradient_of(f, x, low, high);
            return f(plain(x));
        };
        attune::detail::Minimum found{start};
        // The solver gives up where its line search finds nothing better; from there it goes on afresh.
        for (double before = std::numeric_limits<double>::infinity();
             found.value < before || found.evaluations == 0;) {
            before = found.value;
            found = attune::detail::bounded_minimise(with_gradient, found.x, low, high, limits);
        }
        check_optimum(found.x, found.value, item.at("lbfgsb"));
    }
    attune::test::count_run();
}

}  // namespace

TEST_CASE("local optimisers end where the reference ones do") {
    const auto path = attune::test::shared("fixtures/hpo/local_optimisers.json");
    if (!path) return;
    const Json file = Json::parse(std::ifstream(*path));
    for (const Json& item : file.at("problems")) {
        INFO(item.at("function").get<std::string>() << " from " << item.at("x0").dump());
        check_problem(item);
    }
}
