#include "attune/gp/acquisition_search.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "attune/gp/study_space.hpp"
#include "gp/support.hpp"

namespace {

using attune::Points;
using attune::Purpose;
using attune::RandomStream;
using attune::SearchSpace;
using attune::StudySpace;

/// A concave function of a point: best at `top` in numeric dimensions, `choice` in the categorical last one.
struct Hill {
    Eigen::RowVectorXd top;

    [[nodiscard]] double value(const Eigen::RowVectorXd& point) const {
        double sum = 0.0;
        for (Eigen::Index j = 0; j < point.size(); ++j)
            if (!std::isnan(point[j])) sum -= (point[j] - top[j]) * (point[j] - top[j]);
        return sum;
    }
    double value(const Eigen::RowVectorXd& point, Eigen::VectorXd& gradient) const {
        gradient = (-2.0 * (point - top)).transpose();
        for (double& g : gradient)
            if (std::isnan(g)) g = 0.0;
        return value(point);
    }
    [[nodiscard]] Eigen::VectorXd values(const Points& points) const {
        Eigen::VectorXd v(points.rows());
        for (Eigen::Index i = 0; i < points.rows(); ++i) v[i] = value(points.row(i));
        return v;
    }
};

Points drafts(Eigen::Index n, const StudySpace& space) {
    RandomStream stream(1, 0, Purpose::user);
    return attune::test::uniform_points(n, static_cast<Eigen::Index>(space.dimensions()), stream);
}

bool everything(const attune::Configuration&) { return true; }

}  // namespace

TEST_CASE("the maximum is found on continuous, stepped, integer and categorical axes, on the native grid") {
    SearchSpace s;
    s.continuous("a", 0.0, 1.0);
    s.continuous("b", 0.0, 1.0).step(0.1);
    s.integer("c", 1, 100000, attune::Scale::log);
    s.categorical("d", {"p", "q", "r"});
    const StudySpace space(s, {}, everything);
    const double c = s[2].encode(321);
    const Hill hill{(Eigen::RowVectorXd(4) << 0.4321, s[1].encode(0.3), c, 2.0).finished()};
    const auto found = attune::maximise_acquisition(hill, space, drafts(20, space));
    REQUIRE(found.has_value());
    const auto configuration = space.configuration(found->draft);
    CHECK(configuration.native()[0] == doctest::Approx(0.4321).epsilon(1e-4));
    CHECK(configuration.native()[1] == 0.3);
    CHECK(configuration.native()[2] == doctest::Approx(321).epsilon(0.01));
    CHECK(configuration.native()[3] == 2.0);
    CHECK(found->value == doctest::Approx(hill.value(space.point(configuration))).epsilon(1e-12));
}

TEST_CASE("fixed values stay, constraints hold, refused configurations are not proposed") {
    SearchSpace s;
    s.continuous("a", 0.0, 1.0);
    s.integer("n", 0, 9);
    s.continuous("b", 0.0, 1.0);
    s.constrain("a + b <= 1");
    const double nan = std::nan("");
    const StudySpace space(s, {nan, nan, 0.75},
                           [](const attune::Configuration& c) { return c.native()[1] != 7.0; });
    const Hill hill{(Eigen::RowVectorXd(3) << 0.9, s[1].encode(7), 0.1).finished()};
    const auto found = attune::maximise_acquisition(hill, space, drafts(40, space));
    REQUIRE(found.has_value());
    const auto configuration = space.configuration(found->draft);
    CHECK(configuration.native()[2] == 0.75);
    CHECK(s.satisfies(configuration));
    CHECK(configuration.native()[0] > 0.15);
    CHECK(std::abs(configuration.native()[1] - 7.0) == 1.0);
}

TEST_CASE("the best point on the edge of constraints is found, whether they are straight or bent") {
    for (const char* constraint : {"a + b + c <= 1.2", "a * a + b * b <= 0.5"}) {
        CAPTURE(constraint);
        SearchSpace s;
        for (const char* name : {"a", "b", "c"}) s.continuous(name, 0.0, 1.0);
        s.constrain(constraint);
        const StudySpace space(s, {}, everything);
        const Hill hill{(Eigen::RowVectorXd(3) << 0.8, 0.6, 0.4).finished()};
        const auto found = attune::maximise_acquisition(hill, space, drafts(40, space));
        REQUIRE(found.has_value());
        CHECK(s.satisfies(space.configuration(found->draft)));
        // 0.6 beyond the plane, so 0.2 in each; from (0.8, 0.6), of length 1, to the circle of radius 0.7071.
        const double least =
            constraint[4] == 'b' ? 3 * 0.2 * 0.2 : (1 - std::sqrt(0.5)) * (1 - std::sqrt(0.5));
        CHECK(-found->value == doctest::Approx(least).epsilon(0.01));
    }
}

TEST_CASE("conditional parameters are moved where they are active and absent where not") {
    SearchSpace s;
    const auto mode = s.categorical("mode", {"plain", "tuned"});
    s.continuous("rate", 0.0, 1.0).when(mode == "tuned");
    const StudySpace space(s, {}, everything);
    CHECK(space.metric().components() == 3);
    const Hill hill{(Eigen::RowVectorXd(2) << 1.0, 0.6).finished()};
    const auto found = attune::maximise_acquisition(hill, space, drafts(10, space));
    REQUIRE(found.has_value());
    CHECK(space.configuration(found->draft).native()[1] == doctest::Approx(0.6).epsilon(1e-3));
    const auto point = space.point(s.from_native({0.0, 0.3}));
    CHECK(std::isnan(point[1]));
}

TEST_CASE("nothing is found where nothing is admitted, and the same drafts give the same point") {
    SearchSpace s;
    s.continuous("a", 0.0, 1.0);
    const StudySpace none(s, {}, [](const attune::Configuration&) { return false; });
    const Hill hill{Eigen::RowVectorXd::Constant(1, 0.3)};
    CHECK_FALSE(attune::maximise_acquisition(hill, none, drafts(10, none)).has_value());
    const StudySpace space(s, {}, everything);
    const auto a = attune::maximise_acquisition(hill, space, drafts(10, space));
    const auto b = attune::maximise_acquisition(hill, space, drafts(10, space));
    REQUIRE(a.has_value());
    CHECK(a->draft == b->draft);
    CHECK(a->value == b->value);
}

TEST_CASE("parameters with one value are no dimensions, and small spaces can be listed") {
    SearchSpace s;
    s.constant("version", 3);
    const auto kind = s.categorical("kind", {"x", "y"});
    s.integer("n", 1, 4).when(kind == "y");
    const StudySpace space(s, {}, everything);
    CHECK(space.dimensions() == 2);
    const auto all = space.enumerate(100);
    REQUIRE(all.has_value());
    CHECK(all->rows() == 5);
    CHECK_FALSE(space.enumerate(3).has_value());
    CHECK(space.configuration(all->row(0)).native()[0] == 0.0);
}
