#include "attune/study/curve_kinship.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "attune/study/configuration_likeness.hpp"
#include "attune/study/curve_forecasts.hpp"
#include "attune/study/random_stream.hpp"
#include "support/problems.hpp"

using namespace attune;

namespace {

constexpr int horizon = 52;

SearchSpace square() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.continuous("y", 0, 1);
    return space;
}

/// All fall alike up to a third of the way; where `late`, they fall again after that.
std::vector<CurvePoint> falling(bool late, double level, int to) {
    std::vector<CurvePoint> out;
    for (int step = 1; step <= to; ++step) {
        const double again = late ? std::max(0.0, (step - 17) / 35.0) : 0.0;
        out.push_back({static_cast<double>(step), level + 1.0 / step - again});
    }
    return out;
}

Configuration at(const SearchSpace& space, double x, double y) { return space.decode({x, y}); }

}  // namespace

TEST_CASE(
    "configurations are alike as their coordinates are near, choices equal and the same parameters active") {
    SearchSpace space;
    (void)space.continuous("lr", 1e-4, 1, Scale::log);
    const auto kind = space.categorical("kind", {"a", "b", "c"});
    (void)space.continuous("extra", 0, 1).when(kind == "a");
    (void)space.categorical("fixed", {"only"});
    const ConfigurationLikeness likeness(space);
    CHECK(likeness.dimensions() == 3);
    // By coordinates: a is the first third of the choices, b the second.
    const auto place = [&](double lr, double choice) {
        return likeness.place(space, space.decode({lr, choice, 0.5, 0.5}));
    };
    const double a = 0.1, b = 0.5, c = 0.9;
    const auto here = place(0.5, b);
    CHECK(likeness.correlation(here, here) == 1);
    CHECK(likeness.correlation(here, place(0.6, b)) > likeness.correlation(here, place(0.8, b)));
    CHECK(likeness.correlation(here, place(0.5, c)) < 0.9);
    // Active in one of the two only: further apart than two choices alone.
    CHECK(likeness.correlation(here, place(0.5, a)) < likeness.correlation(here, place(0.5, c)));
    CHECK(ConfigurationLikeness(SearchSpace{}).dimensions() == 0);
}

TEST_CASE("a parameter that values do not depend on is told from one that they do") {
    const SearchSpace space = square();
    ConfigurationLikeness likeness(space);
    std::vector<ConfigurationLikeness::Place> places;
    std::vector<double> values;
    RandomStream stream(3, 0, Purpose::user);
    for (int i = 0; i < 40; ++i) {
        const double x = stream.uniform(), y = stream.uniform();
        places.push_back(likeness.place(space, at(space, x, y)));
        values.push_back(std::sin(6 * y));
    }
    std::vector<const ConfigurationLikeness::Place*> pointers;
    for (const auto& place : places) pointers.push_back(&place);
    likeness.fit(pointers, values, 2, false);
    CHECK(likeness.lengths()[0] > 2 * likeness.lengths()[1]);
    const auto learned = likeness.lengths();
    likeness.fit(pointers, std::vector<double>(40, 1.0), 2, false);  // no difference, nothing to learn
    CHECK(likeness.lengths() == learned);
}

TEST_CASE("a trial is expected to do as those did that are like it") {
    const SearchSpace space = square();
    CurveKinship kinship;
    kinship.begin(space, horizon, 2);
    CHECK(kinship.tells());
    // On the right curves fall again; nothing tells them from the others until step 17.
    for (std::size_t i = 0; i < 6; ++i) {
        const bool right = i % 2 == 1;
        const double y = 0.15 * static_cast<double>(i);
        const auto losses = falling(right, 1 + 0.01 * static_cast<double>(i), horizon);
        kinship.note(i, space, at(space, right ? 0.9 : 0.1, y), losses, true, losses.back().value);
    }
    const auto young = falling(false, 1, 8);
    kinship.note(6, space, at(space, 0.12, 0.5), young, false, 0);
    kinship.note(7, space, at(space, 0.88, 0.5), young, false, 0);
    kinship.draw(0.2);
    const CurveForecast plain = curve_outlook(curve_shape(young, horizon)).forecast(0.2);
    const CurveForecast left = kinship.of(6), right = kinship.of(7);
    CHECK(right.mean < left.mean - 0.1);
    CHECK(right.mean < plain.mean);
    CHECK(left.deviation < 1.2 * plain.deviation);
    CHECK(kinship.of(1).deviation == 0);  // it ended
    CHECK(kinship.of(1).mean == doctest::Approx(falling(true, 1.01, horizon).back().value));

    // Trials that are only further on are evidence as well: nobody has to end.
    CurveKinship open;
    open.begin(space, horizon, 2);
    for (std::size_t i = 0; i < 6; ++i)
        open.note(i, space, at(space, i % 2 == 1 ? 0.9 : 0.1, 0.15 * static_cast<double>(i)),
                  falling(i % 2 == 1, 1 + 0.01 * static_cast<double>(i), 40), false, 0);
    open.note(6, space, at(space, 0.12, 0.5), young, false, 0);
    open.note(7, space, at(space, 0.88, 0.5), young, false, 0);
    open.draw(0.2);
    CHECK(open.of(7).mean < open.of(6).mean - 0.05);
}

TEST_CASE("a trial that ends with another configuration is as if it had been asked with it") {
    const SearchSpace space = square();
    const auto young = falling(false, 1, 8);
    const auto told = [&](double x_of_last, bool moves) {
        CurveKinship kinship;
        kinship.begin(space, horizon, 2);
        for (std::size_t i = 0; i < 12; ++i) {
            const bool right = i % 2 == 1;
            const auto losses = falling(right, 1 + 0.01 * static_cast<double>(i), horizon);
            kinship.note(i, space, at(space, right ? 0.9 : 0.1, 0.08 * static_cast<double>(i)), losses, true,
                         losses.back().value);
        }
        kinship.note(12, space, at(space, moves ? 0.12 : x_of_last, 0.5), young, false, 0);
        kinship.draw(0.2);
        kinship.note(12, space, at(space, x_of_last, 0.5), young, false, 0);
        kinship.draw(0.2);
        return kinship.of(12).mean;
    };
    CHECK(told(0.88, true) == told(0.88, false));
    CHECK(told(0.88, false) != told(0.12, false));
}

TEST_CASE("where nothing varies, configurations tell nothing") {
    SearchSpace space;
    (void)space.categorical("only", {"one"});
    CurveKinship kinship;
    kinship.begin(space, horizon, 2);
    CHECK(!kinship.tells());
}

TEST_CASE("what diverged or ended early is evidence without spoiling the others") {
    const SearchSpace space = square();
    CurveKinship kinship;
    kinship.begin(space, horizon, 2);
    RandomStream stream(1, 0, Purpose::user);
    const double inf = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < 40; ++i) {
        auto losses = falling(i % 2 == 0, stream.uniform(), 1 + static_cast<int>(stream.below(52)));
        const bool ended = i % 5 == 0;
        if (i % 7 == 0) losses.erase(losses.begin(), losses.begin() + static_cast<long>(losses.size() / 2));
        const double final = i % 10 == 0 ? inf : losses.back().value;
        kinship.note(i, space, at(space, stream.uniform(), stream.uniform()), losses, ended, final);
    }
    kinship.note(3, space, at(space, 0.5, 0.5), {}, false, 0);  // none any more
    kinship.draw(0.3);
    CHECK(std::isinf(kinship.of(3).mean));
    for (std::size_t i = 0; i < 40; ++i) {
        CAPTURE(i);
        CHECK(!std::isnan(kinship.of(i).mean));
        CHECK(kinship.of(i).deviation >= 0);
        if (i % 10 != 0 && i != 3) CHECK(std::isfinite(kinship.of(i).mean));
    }
}
