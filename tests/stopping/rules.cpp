#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "attune/stopping/combine.hpp"
#include "attune/stopping/detail/ranked_values.hpp"
#include "attune/stopping/dominated.hpp"
#include "attune/stopping/hyperband_rule.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/paired_test.hpp"
#include "attune/stopping/patient.hpp"
#include "attune/stopping/percentile_rule.hpp"
#include "attune/stopping/signed_rank.hpp"
#include "attune/stopping/successive_halving.hpp"
#include "attune/stopping/threshold.hpp"
#include "curves.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::Always;
using attune::test::check_error;
using attune::test::Curves;
using attune::test::infinity;
using attune::test::not_a_number;
using attune::test::stops;

TEST_CASE("ranked values: counts and order statistics below any trial, as sorting gives them") {
    RandomStream stream(3, 0, Purpose::user);
    detail::RankedValues ranked;
    std::vector<std::pair<bool, double>> plain(1000);
    for (int i = 0; i < 3000; ++i) {
        const auto number = stream.below(plain.size());
        if (stream.below(4) == 0) {
            ranked.erase(static_cast<std::int64_t>(number));
            plain[number].first = false;
        } else {
            const double value = stream.below(10) == 0 ? not_a_number : std::floor(stream.uniform(0, 50));
            ranked.set(static_cast<std::int64_t>(number), value);
            plain[number] = {true, value};
        }
        if (i % 50 != 0) continue;
        const auto before = static_cast<std::int64_t>(stream.below(plain.size() + 100));
        std::vector<double> sorted;
        std::size_t nan = 0;
        for (std::size_t n = 0; n < plain.size() && static_cast<std::int64_t>(n) < before; ++n)
            if (plain[n].first) std::isnan(plain[n].second) ? void(++nan) : sorted.push_back(plain[n].second);
        std::sort(sorted.begin(), sorted.end());
        REQUIRE(ranked.count(before) == sorted.size());
        REQUIRE(ranked.count_nan(before) == nan);
        for (std::size_t k = 0; k < sorted.size(); k += 7) REQUIRE(ranked.smallest(k, before) == sorted[k]);
        const double limit = std::floor(stream.uniform(0, 50));
        REQUIRE(
            ranked.count_below(limit, before) ==
            static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), limit) - sorted.begin()));
    }
}

TEST_CASE("the median rule of best values forgives a bad step, and gives its numbers") {
    Curves c;
    c.completed({3, 9});
    c.completed({5, 2});
    c.completed({4, 4});
    const MedianRule best{{.minimum_trials = 3, .of = MedianOf::best_values}};
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(best, n, 1, 3)));
    CHECK(!stops(c.report(best, n, 2, 100)));  // its best is 3; theirs 3, 2, 4
    const std::int64_t worse = c.begin();
    const Verdict verdict = c.report(best, worse, 2, 3.5);
    CHECK(verdict.reason ==
          "the best loss = 3.5 at step 2 is worse than the median 3 of the best values of 3 trials");
    CHECK(verdict.numbers == Metrics{{"median", 3}, {"step", 2}, {"trials", 3}, {"value", 3.5}});
}

TEST_CASE("the median rule spares the first share of the longest completed training") {
    Curves c;
    c.completed(std::vector<double>(20, 1.0));
    c.completed(std::vector<double>(5, 1.0));
    const MedianRule rule{{.warmup_share = 0.25, .minimum_trials = 1}};
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(rule, n, 1, 9)));
    CHECK(!stops(c.report(rule, n, 5, 9)));
    CHECK(stops(c.report(rule, n, 6, 9)));
    CHECK(!stops(c.report(rule, c.begin(), 20, 9)));  // nothing is left to save
    check_error<InvalidOption>([] { (void)MedianRule{{.warmup_share = 1}}; }, {"warmup_share (1)", "[0, 1)"});
}

TEST_CASE(
    "a step that is reported again counts once, with its latest value; late reports change the record") {
    Curves c;
    const std::int64_t first = c.begin();
    for (const double value : {9.0, 1.0}) c.script.report(first, 1, value, 1);  // 1 takes the place of 9
    c.script.report(first, 3, 5, 1);
    c.script.report(first, 2, 3, 1);  // comes late: the average at step 3 is (1 + 3 + 5) / 3
    c.script.apply(event::Finished{first, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    const MedianRule rule{{.minimum_trials = 1}};
    CHECK(!stops(c.report(rule, c.begin(), 1, 1)));
    CHECK(stops(c.report(rule, c.begin(), 1, 1.5)));
    CHECK(!stops(c.report(rule, c.begin(), 2, 2)));
    CHECK(stops(c.report(rule, c.begin(), 3, 3.1)));
    // A late report is judged where the trial stands: at its highest step.
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(rule, n, 3, 2)));
    CHECK(!stops(c.report(rule, n, 1, 100)));
}

TEST_CASE("percentile: the best so far against single values at the step, interpolated; from a step on") {
    Curves c(maximize("acc"));
    for (const double value : {1.0, 2.0, 3.0, 4.0, 5.0}) c.completed({value, value});
    const PercentileRule rule{{.percentile = 25, .minimum_trials = 5}};
    CHECK(!stops(c.report(rule, c.begin(), 1, 4)));
    const Verdict verdict = c.report(rule, c.begin(), 1, 3.9);
    CHECK(stops(verdict));
    CHECK(verdict.numbers.at("percentile") == 4);
    CHECK(verdict.reason ==
          "the best acc = 3.9 up to step 1 is not among the best 25 % of 5 trials, which begin at 4");
    CHECK(!stops(c.report(rule, c.begin(), 1.5, 0)));  // nobody reported that step
    CHECK(!stops(c.report(PercentileRule{{.minimum_trials = 6}}, c.begin(), 1, 0)));
    const PercentileRule later{{.minimum_trials = 1, .steps = {.first = 2}}};
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(later, n, 1, 0)));
    CHECK(stops(c.report(later, n, 2, 0)));
    CHECK(stops(c.report(rule, c.begin(), 1, not_a_number)));
}

TEST_CASE("decisions once in an interval of steps") {
    const DecisionSteps steps{.first = 10, .interval = 5};
    const auto due = [&](std::vector<double> at) {
        std::vector<CurvePoint> points;
        for (const double step : at) points.push_back({step, 0});
        return steps.due(points);
    };
    CHECK(!due({9}));
    CHECK(due({9, 10}));
    CHECK(!due({10, 14.5}));
    CHECK(due({14.5, 16}));
    CHECK(!due({16, 19}));
    CHECK(due({19, 42}));
}

TEST_CASE("threshold: outside its limits, or no number") {
    Curves c;
    const Threshold rule{{.lower = 0, .upper = 10}};
    CHECK(!stops(c.report(rule, c.begin(), 1, 0)));
    CHECK(!stops(c.report(rule, c.begin(), 1, 10)));
    CHECK(c.report(rule, c.begin(), 1, 10.5).reason == "loss = 10.5 at step 1 is above its limit 10");
    CHECK(c.report(rule, c.begin(), 1, -1).reason == "loss = -1 at step 1 is below its limit 0");
    CHECK(stops(c.report(rule, c.begin(), 1, not_a_number)));
    CHECK(stops(c.report(rule, c.begin(), 1, infinity)));
    CHECK(stops(c.report(Threshold{}, c.begin(), 1, not_a_number)));
    CHECK(!stops(c.report(Threshold{}, c.begin(), 1, infinity)));
}

TEST_CASE("patient: asks only when the trial has not improved lately") {
    Curves c;
    const Patient rule({.patience = 1, .minimum_change = 0.5}, Always{Decision::pause, "now"});
    const std::int64_t n = c.begin();
    CHECK(c.report(rule, n, 1, 1).decision == Decision::proceed);
    CHECK(c.report(rule, n, 2, 9).decision == Decision::proceed);
    CHECK(c.report(rule, n, 3, 1.5).decision == Decision::proceed);  // not worse by more than 0.5
    CHECK(c.report(rule, n, 4, 9).decision == Decision::proceed);
    const Verdict verdict = c.report(rule, n, 5, 1.6);
    CHECK(verdict.decision == Decision::pause);
    CHECK(verdict.reason == "now");
    CHECK(stops(AnyStoppingPolicy(Patient{{.patience = 1, .minimum_change = 0.5}})
                    .decide(c.script.study, c.script.study.trial(n))));
}

TEST_CASE("successive halving, stopping kind: the first passes, then one in a factor") {
    Curves c;
    const SuccessiveHalving rule{{.factor = 2}};
    const auto at = [&](double step, double value) { return c.report(rule, c.begin(), step, value); };
    CHECK(!stops(at(1, 5)));
    const Verdict verdict = at(1, 6);
    CHECK(verdict.reason == "loss = 6 is not among the best 1 of 2 at the rung of step 1");
    CHECK(verdict.numbers == Metrics{{"limit", 5}, {"rung", 0}, {"step", 1}, {"trials", 2}, {"value", 6}});
    CHECK(!stops(at(1, 4)));  // the best one of three
    CHECK(stops(at(1, not_a_number)));
    CHECK(!stops(at(1, 4.5)));  // among the best two of four: NaN is no rival
    CHECK(stops(at(2, 9)) ==
          true);  // passes the rungs of steps 1 and 2 with one report, and fails at the first
}

TEST_CASE(
    "successive halving, pausing kind: nobody passes before he is among the best; others put him there") {
    Curves c;
    AnyStoppingPolicy rule = SuccessiveHalving{{.maximum_resource = 9, .kind = HalvingKind::pause}};
    const auto pauses = [&](std::int64_t n, double step, double value) {
        const Verdict verdict = c.report(rule, n, step, value);
        if (verdict.decision == Decision::pause)
            c.script.apply(event::Finished{n, TrialState::paused, {}, {}, "", {}, {}, {}}, 4);
        return verdict.decision == Decision::pause;
    };
    for (int i = 0; i < 3; ++i) {
        CHECK(!rule.resume(c.script.study));
        CHECK(pauses(c.begin(), 1, 1 + i) == true);
    }
    const auto next = rule.resume(c.script.study);
    REQUIRE(next);
    CHECK(next->trial == 0);
    CHECK(next->reason == "is among the best 1 of 3 at the rung of step 1");
    c.script.apply(event::Resumed{0, false}, 5);
    CHECK(!rule.resume(c.script.study));
    CHECK(!pauses(0, 2, 1));
    CHECK(pauses(0, 3, 1));  // alone at the rung of step 3
    CHECK(!rule.resume(c.script.study));
    CHECK(!pauses(c.begin(), 1, 0.5));  // the best of four passes at once
    // Trials that cannot pause are stopped.
    event::Suggested fixed;
    fixed.trial = static_cast<std::int64_t>(c.script.study.trials().size());
    fixed.configuration = {{"x", 0.5}};
    c.script.apply(fixed, 6);
    CHECK(stops(c.report(rule, fixed.trial, 1, 99)));
}

TEST_CASE("hyperband's brackets: budgets, assignment, rungs of their own") {
    const Brackets brackets{1, 9, 3};
    CHECK(brackets.count() == 3);
    CHECK(Brackets{1, 243, 3}.count() == 6);  // where a logarithm would round down
    CHECK(Brackets{1, 8.9, 3}.count() == 2);
    CHECK(brackets.budgets(3) == std::vector<std::int64_t>{9, 5, 3});
    Curves c;
    std::vector<int> counts(3);
    for (int trial = 0; trial < 1700; ++trial)
        ++counts[static_cast<std::size_t>(drawn_bracket(c.script.study, trial, {9, 5, 3}))];
    // Within five standard deviations: false alarms in one of a million.
    CHECK(std::abs(counts[0] - 900) < 103);
    CHECK(std::abs(counts[1] - 500) < 94);
    std::vector<int> turn;
    for (int trial = 0; trial < 19; ++trial)
        turn.push_back(bracket_in_turn(c.script.study, trial, {9, 5, 3}));
    CHECK(turn == std::vector<int>{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 0, 0});

    const HyperbandRule rule{
        {.maximum_resource = 9, .assign = [](const Study&, std::int64_t trial, const auto&) {
             return static_cast<int>(trial % 2);
         }}};
    CHECK(!stops(c.report(rule, c.begin(), 1, 5)));  // bracket 0
    CHECK(!stops(c.report(rule, c.begin(), 1, 9)));  // bracket 1: begins at step 3
    const Verdict verdict = c.report(rule, c.begin(), 1, 6);
    CHECK(stops(verdict));
    CHECK(verdict.numbers.at("bracket") == 0);
    CHECK(!stops(c.report(rule, 1, 3, 9)));
    CHECK(stops(c.report(rule, 3 + c.begin() * 0, 3, 9.5)));
    const HyperbandRule lost{
        {.maximum_resource = 9, .assign = [](const Study&, std::int64_t, const auto&) { return 3; }}};
    check_error<InvalidOption>([&] { (void)c.report(lost, c.begin(), 1, 1); },
                               {"hyperband", "bracket 3", "are 3"});
}

TEST_CASE("a paired test: worse than the best on the same folds, whatever their order") {
    Curves c;
    c.completed({1, 10, 3, 20, 5});
    c.completed({9, 9, 9, 99, 9});
    const PairedTest rule{{.significance = 0.1}};
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(rule, n, 4, 21)));
    CHECK(!stops(c.report(rule, n, 2, 12)));
    CHECK(!stops(c.report(rule, n, 5, 8)));  // p = 1/8
    const Verdict verdict = c.report(rule, n, 1, 1.5);
    CHECK(stops(verdict));
    CHECK(verdict.numbers.at("p") == 1.0 / 16);
    CHECK(verdict.numbers.at("best_trial") == 0);
    const std::int64_t infinite = c.begin();
    for (int step = 1; step <= 4; ++step) CHECK(!stops(c.report(rule, infinite, step, infinity)));
}

TEST_CASE("signed-rank p-values: known ones, no pairs, zeros, ties, many pairs") {
    CHECK(signed_rank_p_value({}) == 1);
    CHECK(signed_rank_p_value({1, 2, 3}) == 1.0 / 8);
    CHECK(signed_rank_p_value({-1, -2, -3}) == 1);
    CHECK(signed_rank_p_value({0, 0}) == 1);
    CHECK(signed_rank_p_value({0, 2}) == 0.5);
    CHECK(signed_rank_p_value(std::vector<double>(20, 0.0)) == 0.5);
    std::vector<double> many;
    for (int i = 1; i <= 60; ++i) many.push_back(i % 3 == 0 ? -i : i);
    const double p = signed_rank_p_value(many);
    CHECK(p > 0.01);
    CHECK(p < 0.02);
    many.resize(50);
    CHECK(signed_rank_p_value(many) == doctest::Approx(0.0178).epsilon(0.5));
}

TEST_CASE("dominated: by more than a share of those that came to the step, in all metrics") {
    test::StudyScript script(test::line(), {minimize("loss"), maximize("speed")});
    std::int64_t next = 0;
    const auto report = [&](double loss, double speed, double step = 1) {
        script.ask(0.5, 0);
        script.apply(event::Reported{next, step, {{"loss", loss}, {"speed", speed}}}, 1);
        return next++;
    };
    AnyStoppingPolicy rule = Dominated{{.minimum_trials = 3}};
    const auto stopped = [&](std::int64_t n) {
        return stops(rule.decide(script.study, script.study.trial(n)));
    };
    report(1, 1);
    report(2, 2);
    CHECK(!stopped(report(9, 0)));  // dominated by all of two: too few
    report(3, 3);
    CHECK(stopped(report(4, 0.5)));     // by 3 of 4
    CHECK(!stopped(report(2.5, 1.5)));  // by one
    CHECK(!stopped(report(0.5, not_a_number)));
    CHECK(stopped(report(9, not_a_number)));
    CHECK(!stopped(report(9, 0, 2)));  // nobody came there
    script.ask(0.5, 0);
    script.apply(event::Reported{next, 1, {{"loss", 99}}}, 1);
    CHECK(!stopped(next));  // speed is not known yet
}

TEST_CASE("all_of, at_least, each_objective") {
    Curves c;
    const std::int64_t n = c.begin();
    const Always go{Decision::proceed, ""}, pause{Decision::pause, "pause"}, stop{Decision::stop, "stop"};
    CHECK(c.report(all_of(stop, go), n, 1, 1).decision == Decision::proceed);
    const Verdict both = c.report(all_of(stop, pause), n, 1, 1);
    CHECK(both.decision == Decision::pause);
    CHECK(both.reason == "stop; and pause");
    CHECK(stops(c.report(all_of(stop, stop), n, 1, 1)));
    CHECK(!stops(c.report(all_of(), n, 1, 1)));
    CHECK(!stops(c.report(at_least(1, stop), n, 1, 1)));
    CHECK(stops(c.report(at_least(0, stop), n, 1, 1)));
    c.completed({1});
    CHECK(stops(c.report(at_least(1, stop), n, 1, 1)));
    CHECK(AnyStoppingPolicy(at_least(1, MedianRule{})).name() == "median");
    check_error<InvalidOption>([&] { (void)at_least(-1, stop); }, {"at_least", "trials (-1)", "at least 0"});

    test::StudyScript script(test::line(), {minimize("loss"), maximize("speed")});
    script.ask(0.5, 0);
    script.apply(event::Reported{0, 1, {{"loss", 1}, {"speed", 1}}}, 1);
    script.apply(event::Finished{0, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    script.ask(0.6, 3);
    script.apply(event::Reported{1, 1, {{"loss", 2}, {"speed", 2}}}, 4);  // worse in one, better in the other
    const auto median_of = [](const std::string& metric) {
        return MedianRule{{.metric = metric, .minimum_trials = 1}};
    };
    AnyStoppingPolicy any = each_objective(Combine::any, median_of),
                      all = each_objective(Combine::all, median_of);
    CHECK(stops(any.decide(script.study, script.study.trial(1))));
    CHECK(!stops(all.decide(script.study, script.study.trial(1))));
    CHECK(any.name() == "median");
}

TEST_CASE("options of the rules outside their range are refused") {
    check_error<InvalidOption>([] { (void)PercentileRule{{.percentile = 101}}; },
                               {"percentile (101)", "100"});
    check_error<InvalidOption>([] { (void)PercentileRule{{.minimum_trials_at_step = 0}}; },
                               {"minimum_trials_at_step (0)", "at least 1"});
    check_error<InvalidOption>([] { (void)PercentileRule{{.steps = {.interval = -1}}}; },
                               {"percentile rule", "steps.interval (-1)"});
    check_error<InvalidOption>([] { (void)Threshold{{.lower = 2, .upper = 1}}; }, {"lower (2)", "upper (1)"});
    check_error<InvalidOption>([] { (void)Patient{{.patience = -1}}; }, {"patience (-1)"});
    check_error<InvalidOption>([] { (void)SuccessiveHalving{{.factor = 1}}; }, {"factor (1)", "above 1"});
    check_error<InvalidOption>([] { (void)SuccessiveHalving{{.minimum_resource = -1}}; },
                               {"minimum_resource (-1)"});
    check_error<InvalidOption>([] { (void)HyperbandRule{{.minimum_resource = 0}}; },
                               {"minimum_resource (0)"});
    check_error<InvalidOption>([] { (void)HyperbandRule{{.minimum_resource = 2, .maximum_resource = 1}}; },
                               {"maximum_resource (1)", "at least minimum_resource"});
    check_error<InvalidOption>([] { (void)HyperbandRule{{.assign = nullptr}}; }, {"assign"});
    check_error<InvalidOption>([] { (void)PairedTest{{.significance = 1}}; }, {"significance (1)"});
    check_error<InvalidOption>([] { (void)Dominated{{.share = 1}}; }, {"share (1)", "below 1"});
}

TEST_CASE("the median rule compares with no trial that breaks an outcome constraint") {
    Curves c(minimize("loss"), {at_most("ms", 5)});
    const MedianRule rule{{.minimum_trials = 1}};
    c.completed({0.1, 0.1}, TrialState::completed, {{"ms", 9}});
    CHECK(!stops(c.report(rule, c.begin(), 1, 0.5)));  // the better one breaks the bound
    c.completed({0.4, 0.4}, TrialState::completed, {{"ms", 4}});
    CHECK(stops(c.report(rule, c.begin(), 1, 0.5)));
}
