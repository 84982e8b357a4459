#include "attune/stopping/curve_prediction.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "curves.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;
using attune::test::Curves;
using attune::test::not_a_number;
using attune::test::stops;

namespace {

std::vector<double> falling(double floor, int steps) {
    std::vector<double> out;
    for (int step = 1; step <= steps; ++step) out.push_back(floor + 2.0 / step);
    return out;
}

/// Six completed trainings of 50 steps that end at 1.04 to 3.54.
Curves six() {
    Curves c;
    for (int n = 0; n < 6; ++n) c.completed(falling(1 + 0.5 * n, 50));
    return c;
}

Verdict after_steps(Curves& c, const CurvePredictionOptions& options, double floor, int steps) {
    const auto trial = c.begin();
    Verdict last;
    for (int step = 1; step <= steps; ++step)
        last = c.report(CurvePrediction{options}, trial, step, floor + 2.0 / step);
    return last;
}

}  // namespace

TEST_CASE("curve prediction stops what has no chance and leaves what has") {
    Curves c = six();
    CHECK(!stops(after_steps(c, {.pauses = false}, 0.8, 20)));
    const Verdict verdict = after_steps(c, {.pauses = false}, 3.5, 20);
    CHECK(stops(verdict));
    CHECK(verdict.numbers.at("chance") < 0.03);
    CHECK(verdict.numbers.at("low") < verdict.numbers.at("forecast"));
    CHECK(verdict.numbers.at("forecast") < verdict.numbers.at("high"));
    CHECK(verdict.numbers.at("best") == doctest::Approx(1.04));
    CHECK(verdict.reason.find("is expected to end at") != std::string::npos);
}

TEST_CASE("curve prediction pauses trials that can, and thaws them when the hopeful disappoint") {
    Curves c = six();
    const auto promising = c.begin(), second = c.begin();
    CurvePrediction policy;
    CHECK(policy.wants_pauses());
    CHECK(!CurvePrediction{{.pauses = false}}.wants_pauses());
    for (int step = 1; step <= 30; ++step) (void)c.report(policy, promising, step, 0.2 + 2.0 / step);
    Verdict verdict;
    for (int step = 1; step <= 30; ++step) verdict = c.report(policy, second, step, 0.9 + 2.0 / step);
    CHECK(verdict.decision == Decision::pause);  // better than all that ended, but the other looks better
    c.script.apply(event::Finished{second, TrialState::paused, {}, {}, "", {}, {}, {}}, 4);
    CHECK(!policy.resume(c.script.study));  // the hopeful one is under way
    c.script.apply(
        event::Finished{promising, TrialState::failed, {}, FailureKind::configuration, "", {}, {}, {}}, 5);
    const auto resumed = policy.resume(c.script.study);
    REQUIRE(resumed);
    CHECK(resumed->trial == second);
    CHECK(resumed->reason.find("chance") != std::string::npos);
}

TEST_CASE("curve prediction decides nothing too early, and nothing good of NaN") {
    Curves c = six();
    CHECK(!stops(after_steps(c, {.warmup_share = 0.5, .pauses = false}, 9, 25)));
    CHECK(!stops(after_steps(c, {.minimum_trials = 100, .pauses = false}, 9, 25)));
    const auto trial = c.begin_reported(1, 3);
    CHECK(stops(c.report(CurvePrediction{{.pauses = false}}, trial, 9, not_a_number)));
    Curves empty;
    CHECK(!stops(empty.report(CurvePrediction{}, empty.begin(), 3, 1)));  // no horizon yet
}

TEST_CASE("curve prediction refuses its options by name") {
    check_error<InvalidOption>([] { CurvePrediction{{.least_chance = 0.7}}; }, {"least_chance (0.7)"});
    check_error<InvalidOption>([] { CurvePrediction{{.horizon = -1}}; }, {"horizon (-1)"});
    check_error<InvalidOption>([] { CurvePrediction{{.warmup_share = 1}}; }, {"warmup_share (1)"});
    check_error<InvalidOption>([] { CurvePrediction{{.minimum_trials = 0}}; }, {"minimum_trials (0)"});
}

TEST_CASE("a trial that breaks an outcome constraint is none that others must beat") {
    const auto decision = [](double latency) {
        Curves c(minimize("loss"), {at_most("latency", 10)});
        for (int n = 0; n < 4; ++n)
            c.completed(falling(2 + 0.1 * n, 50), TrialState::completed, {{"latency", 5}});
        c.completed(falling(1, 50), TrialState::completed, {{"latency", latency}});
        const std::int64_t n = c.begin();
        bool stopped = false;
        const CurvePrediction policy{{.horizon = 50}};
        for (int step = 1; step <= 48; ++step)
            stopped |= c.report(policy, n, step, 1.8 + 2.0 / step).decision != Decision::proceed;
        return stopped;
    };
    CHECK(decision(5));
    CHECK(!decision(20));
}
