#include "attune/space/enumerate.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

constexpr double all = std::numeric_limits<double>::infinity();

std::vector<std::string> texts(const SearchSpace& space, double levels = all) {
    std::vector<std::vector<double>> axes;
    for (const Parameter& p : space.parameters()) axes.push_back(axis_values(p, levels));
    std::vector<std::string> out;
    CHECK(for_each_configuration(space, axes, [&](const Configuration& c) {
        out.push_back(c.text());
        return true;
    }));
    CHECK(std::set<std::string>(out.begin(), out.end()).size() == out.size());
    return out;
}

Parameter only(const SearchSpace& space) { return space[0]; }

}  // namespace

TEST_CASE("the last parameter turns fastest") {
    SearchSpace space;
    (void)space.integer("a", 1, 2);
    (void)space.categorical("b", {"x", "y", "z"});
    CHECK(texts(space) ==
          std::vector<std::string>{"a=1 b=x", "a=1 b=y", "a=1 b=z", "a=2 b=x", "a=2 b=y", "a=2 b=z"});
}

TEST_CASE("a space without parameters has one configuration") { CHECK(texts(SearchSpace{}).size() == 1); }

TEST_CASE("inactive parameters do not multiply configurations") {
    SearchSpace space;
    auto optimizer = space.categorical("optimizer", {"sgd", "adam", "rmsprop"});
    auto nesterov = space.categorical("nesterov", {false, true}).when(optimizer == "sgd");
    (void)space.integer("strength", 1, 5).when(nesterov == true);
    (void)space.integer("layers", 1, 2);
    // sgd: without nesterov 1, with 5; adam and rmsprop 1 each; times 2 layers.
    CHECK(texts(space).size() == (1 + 5 + 1 + 1) * 2);
    space.constrain("strength * layers <= 4");
    // with nesterov: strengths 1 to 4 for one layer, 1 and 2 for two.
    CHECK(texts(space).size() == (1 + 1 + 1) * 2 + 4 + 2);
}

TEST_CASE("an inactive parameter's first value may be infeasible, and nothing is lost") {
    SearchSpace space;
    auto use = space.categorical("use", {true, false});
    (void)space.integer("n", 1, 3).when(use == true);
    space.constrain("n >= 2");
    CHECK(texts(space) == std::vector<std::string>{"use=true n=2", "use=true n=3", "use=false"});
}

TEST_CASE("visiting ends when the visitor or the limit says so") {
    SearchSpace space;
    (void)space.integer("a", 1, 10);
    const std::vector<std::vector<double>> axes{axis_values(space[0], all)};
    int seen = 0;
    CHECK(!for_each_configuration(space, axes, [&](const Configuration&) { return ++seen < 3; }));
    CHECK(seen == 3);
    seen = 0;
    CHECK(!for_each_configuration(
        space, axes, [&](const Configuration&) { return ++seen > 0; }, 4));
    CHECK(seen == 4);
    seen = 0;
    CHECK(for_each_configuration(
        space, axes, [&](const Configuration&) { return ++seen > 0; }, 10));
    CHECK(seen == 10);
}

TEST_CASE("axes of continuous parameters are even on their scale, both ends exact") {
    SearchSpace linear, log;
    (void)linear.continuous("x", -1, 3);
    (void)log.continuous("x", 1e-4, 1, Scale::log);
    CHECK(axis_values(only(linear), 5) == std::vector<double>{-1, 0, 1, 2, 3});
    CHECK(axis_values(only(linear), 1) == std::vector<double>{1});
    CHECK(axis_values(only(linear), 2) == std::vector<double>{-1, 3});
    const auto decades = axis_values(only(log), 5);
    REQUIRE(decades.size() == 5);
    CHECK(decades.front() == 1e-4);
    CHECK(decades.back() == 1);
    for (std::size_t i = 0; i < 5; ++i)
        CHECK(decades[i] == doctest::Approx(std::pow(10.0, static_cast<double>(i) - 4)));
}

TEST_CASE("axes of grids: all values where they fit, otherwise so many of them with both ends") {
    SearchSpace space;
    (void)space.integer("n", 0, 100);
    CHECK(axis_values(only(space), all).size() == 101);
    CHECK(axis_values(only(space), 101).size() == 101);
    CHECK(axis_values(only(space), 5) == std::vector<double>{0, 25, 50, 75, 100});
    CHECK(axis_values(only(space), 1) == std::vector<double>{50});
    const auto many = axis_values(only(space), 100);
    CHECK(many.front() == 0);
    CHECK(many.back() == 100);
    for (const double x : many) CHECK(x == std::floor(x));
    SearchSpace log;
    (void)log.integer("n", 1, 8, Scale::log);
    const auto few = axis_values(only(log), 7);  // neighbours fall together at the low end: no value twice
    CHECK(std::set<double>(few.begin(), few.end()).size() == few.size());
    CHECK(few.front() == 1);
    CHECK(few.back() == 8);
    SearchSpace one;
    (void)one.continuous("x", 2, 2);
    CHECK(axis_values(only(one), 7) == std::vector<double>{2});
    SearchSpace choices;
    (void)choices.categorical("c", {"a", "b", "c"});
    CHECK(axis_values(only(choices), 2).size() == 3);  // what has no order has no ends
    check_error<InvalidOption>([&] { (void)axis_values(only(space), 0); }, {"levels (0)", "n", "at least 1"});
}
