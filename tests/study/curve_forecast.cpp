#include <doctest/doctest.h>

#include <cmath>
#include <iterator>
#include <limits>
#include <vector>

#include "attune/study/curve_forecast.hpp"
#include "attune/study/curve_forecasts.hpp"
#include "attune/study/curve_lessons.hpp"
#include "attune/study/random_stream.hpp"
#include "support/problems.hpp"
#include "support/same_bits.hpp"

using namespace attune;

namespace {

/// Falls like a power of the step to `floor`.
std::vector<CurvePoint> power_curve(double floor, double height, double exponent, int to) {
    std::vector<CurvePoint> out;
    for (int step = 1; step <= to; ++step)
        out.push_back({static_cast<double>(step), floor + height * std::pow(step, -exponent)});
    return out;
}

CurveForecast forecast(const std::vector<CurvePoint>& losses, double horizon, double spread) {
    return curve_outlook(curve_shape(losses, horizon)).forecast(spread);
}

SearchSpace line() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return space;
}

}  // namespace

TEST_CASE("a forecast's probability is that of a normal distribution") {
    const CurveForecast f{2, 0.5};
    CHECK(f.below(2) == doctest::Approx(0.5));
    CHECK(f.below(2 + 0.5 * 1.959964) == doctest::Approx(0.975).epsilon(1e-6));
    CHECK(CurveForecast{1, 0}.below(2) == 1);
    CHECK(CurveForecast{2, 0}.below(2) == 0);
    CHECK(CurveForecast{}.below(1e300) == 0);
}

TEST_CASE("the shape of a curve is its level and its slopes in the logarithm of the step") {
    std::vector<CurvePoint> losses;  // straight in the logarithm, with slope -2
    for (int step = 1; step <= 20; ++step)
        losses.push_back({static_cast<double>(step), 10 - 2 * std::log(step)});
    const CurveShape shape = curve_shape(losses, 52);
    CHECK(shape.at == doctest::Approx(20));
    CHECK(shape.loss == losses.back().value);
    CHECK(*shape.slope == doctest::Approx(-2));
    CHECK(shape.earlier_slope == doctest::Approx(-2));
    // Steps of any unit: only their share of the horizon counts.
    for (CurvePoint& point : losses) point.step *= 1000;
    CHECK(*curve_shape(losses, 52000).slope == doctest::Approx(-2));
    CHECK(curve_shape(losses, 52000).at == doctest::Approx(20));
    CHECK(!curve_shape(std::vector<CurvePoint>{{3, 1}}, 52).slope);
}

TEST_CASE("forecasts move with the metric's unit and zero") {
    const auto losses = power_curve(1, 4, 0.7, 9);
    const CurveForecast f = forecast(losses, 52, 0.8);
    auto scaled = losses;
    for (CurvePoint& point : scaled) point.value = 100 - 30 + 10 * point.value;
    const CurveForecast g = forecast(scaled, 52, 8);
    CHECK(g.mean == doctest::Approx(70 + 10 * f.mean));
    CHECK(g.deviation == doctest::Approx(10 * f.deviation));
}

TEST_CASE("forecasts come closer and surer as a curve goes on, and cover where it ends") {
    for (const double exponent : {0.4, 0.8, 1.5}) {
        const auto whole = power_curve(1, 4, exponent, 52);
        double last = std::numeric_limits<double>::infinity();
        for (const int to : {3, 6, 13, 26, 45}) {
            const auto f = forecast({whole.begin(), whole.begin() + to}, 52, 0.5);
            CAPTURE(exponent);
            CAPTURE(to);
            CHECK(std::abs(f.mean - whole.back().value) < 3 * f.deviation);
            CHECK(f.deviation < last);
            last = f.deviation;
        }
        CHECK(forecast(whole, 52, 0.5).mean == whole.back().value);
        CHECK(forecast(whole, 52, 0.5).deviation == 0);
    }
}

TEST_CASE("completed trials move the forecasts of a study whose curves rise late") {
    // Flat until the last fifth, then down by one.
    std::vector<CurvePoint> late;
    for (int step = 1; step <= 50; ++step)
        late.push_back({static_cast<double>(step), step <= 40 ? 5.0 : 4.0});
    CurveLessons lessons;
    const CurveForecast plain{5, 0.2};
    lessons.draw(0.5);
    CHECK(lessons.corrected(plain, 20).mean == doctest::Approx(5));
    CHECK(lessons.corrected(plain, 20).deviation == doctest::Approx(0.2));
    for (int trial = 0; trial < 6; ++trial) lessons.learn(trial, late, 4, 50);
    lessons.draw(0.5);
    CHECK(lessons.corrected(plain, 20).mean < 4.6);
    lessons.learn(3, late, 4, 50);  // the same again is one lesson
    const double before = lessons.corrected(plain, 20).mean;
    lessons.draw(0.5);
    CHECK(lessons.corrected(plain, 20).mean == before);
}

TEST_CASE("a study's forecasts: ended, under way, diverged, silent") {
    test::StudyScript script(line(), maximize("accuracy"));
    const auto begin = [&] {
        event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(script.study.trials().size());
        suggested.configuration = {{"x", 0.5}};
        script.apply(suggested, 0);
        return suggested.trial;
    };
    for (int n = 0; n < 4; ++n) {
        const auto trial = begin();
        for (int step = 1; step <= 10; ++step) script.report(trial, step, 0.1 * n + 0.05 * step, 1);
        script.apply(event::Finished{trial, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    }
    const auto going = begin(), diverged = begin(), silent = begin();
    script.report(going, 1, 0.2, 3);
    script.report(going, 3, 0.3, 3);
    script.report(going, 2, 0.25, 3);  // out of order
    script.report(diverged, 1, 0.2, 3);
    script.report(diverged, 2, std::nan(""), 3);
    CurveForecasts forecasts;
    forecasts.follow(script.study, script.study.objective(), 10);
    CHECK(forecasts.best_ended() == doctest::Approx(-0.8));
    CHECK(forecasts.spread() > 0);
    CHECK(forecasts.standings()[0].ended);
    CHECK(forecasts.standings()[0].forecast.deviation == 0);
    const auto& standing = forecasts.standings()[static_cast<std::size_t>(going)];
    CHECK(!standing.gone);
    CHECK(standing.forecast.mean < -0.3);
    CHECK(standing.forecast.deviation > 0);
    CHECK(forecasts.standings()[static_cast<std::size_t>(diverged)].forecast.below(1e9) == 0);
    CHECK(forecasts.standings()[static_cast<std::size_t>(silent)].gone);
}

TEST_CASE("forecasts that were kept up are those of looking anew, in whatever order trials end") {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
        const double first_look = seed < 4 ? 0 : 2;  // without and with like configurations
        RandomStream stream(seed, 0, Purpose::user);
        test::StudyScript script(line(), seed % 2 == 0 ? minimize("loss") : maximize("loss"));
        CurveForecasts kept(first_look);
        for (int i = 0; i < 300; ++i) {
            const auto& open = script.study.unfinished();
            if (open.size() < 6) script.ask(stream.uniform(), 0);
            auto at = open.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(stream.below(open.size())));
            const TrialRecord& trial = script.study.trial(*at);
            const double step = trial.reports.empty() ? 1 : trial.reports.back().step + 1;
            if (step > 12)
                script.tell(trial.number, stream.uniform(), 1);
            else
                script.report(trial.number, step, stream.uniform() + 2 / step, 1);
            if (stream.below(4) == 0) continue;  // several events are new at the next look
            kept.follow(script.study, script.study.objective(), 12);
            CurveForecasts anew(first_look);
            anew.follow(script.study, script.study.objective(), 12);
            REQUIRE(kept.standings().size() == anew.standings().size());
            for (std::size_t n = 0; n < anew.standings().size(); ++n) {
                REQUIRE(
                    test::same_bits(kept.standings()[n].forecast.mean, anew.standings()[n].forecast.mean));
                REQUIRE(test::same_bits(kept.standings()[n].forecast.deviation,
                                        anew.standings()[n].forecast.deviation));
            }
        }
    }
}
