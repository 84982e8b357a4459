#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "attune/stopping/combine.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/patience.hpp"
#include "curves.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::Always;
using attune::test::check_error;
using attune::test::Curves;
using attune::test::infinity;
using attune::test::not_a_number;
using attune::test::stops;

namespace {

MedianRule median(int minimum = 1, TrialPool pool = TrialPool::completed, double warmup = 0) {
    return MedianRule{{.warmup_steps = warmup, .minimum_trials = minimum, .pool = pool}};
}

}  // namespace

TEST_CASE("a reason names NaN and counts one thing as one") {
    Curves c;
    const std::int64_t first = c.begin();
    c.script.report(first, 1, 0.5, 1);
    c.script.apply(event::Finished{first, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    const AnyStoppingPolicy rule = MedianRule{{.minimum_trials = 1}};
    CHECK(c.report(rule, c.begin(), 1, not_a_number).reason ==
          "loss is NaN at step 1, which counts as worse than any number, here the median 0.5 of the running "
          "averages of 1 trial");
    CHECK(c.report(rule, c.begin(), 1, 0.75).reason ==
          "loss = 0.75 at step 1 is worse than the median 0.5 of the running averages of 1 trial");
    const AnyStoppingPolicy patience = Patience{{.patience = 1}};
    CHECK(c.report(patience, c.begin(), 1, not_a_number).reason ==
          "loss was no number better than inf for 1 report");
}

TEST_CASE("off never stops") {
    Curves c;
    c.completed({1, 1});
    CHECK(!stops(c.report(NeverStop{}, c.begin(), 1, not_a_number)));
}

TEST_CASE("the median rule compares with the median of running averages at the same step") {
    Curves c;
    c.completed({1, 3});  // averages 1, 2
    c.completed({5, 5});  // 5, 5
    c.completed({3, 7});  // 3, 5
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(median(3), n, 1, 3)));  // equal is not worse
    const Verdict verdict = c.report(median(3), n, 2, 5.001);
    CHECK(stops(verdict));
    CHECK(verdict.reason ==
          "loss = 5.001 at step 2 is worse than the median 5 of the running averages of 3 trials");
    CHECK(!stops(c.report(median(3), n, 3, 99)));  // nobody got there
    c.completed({2, 4});                           // 2, 3: the median of 2, 5, 5, 3 is 4
    const std::int64_t m = c.begin();
    CHECK(!stops(c.report(median(4), m, 2, 4)));
    CHECK(stops(c.report(median(4), m, 2, 4.5)));
    CHECK(!stops(c.report(median(5), m, 2, 4.5)));  // too few to compare with
}

TEST_CASE("the median rule does not stop for the rounding of an average of equal values") {
    const double level = 287.0 / 288;
    Curves c(maximize("acc"));
    c.completed(std::vector<double>(7, level));
    const std::int64_t n = c.begin();
    for (int step = 1; step <= 7; ++step) CHECK(!stops(c.report(median(), n, step, level)));
}

TEST_CASE("the median rule turns with the direction") {
    Curves c(maximize("acc"));
    c.completed({0.5});
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(median(), n, 1, 0.5)));
    CHECK(stops(c.report(median(), n, 1, 0.4)));
    CHECK(!stops(c.report(median(), n, 1, 0.6)));
}

TEST_CASE("the median rule's pools: completed trials, or all earlier ones") {
    Curves c;
    c.completed({1, 1}, TrialState::stopped);
    c.completed({1, 1}, TrialState::failed);
    const std::int64_t early = c.begin();
    c.script.report(early, 1, 1, 1);
    const std::int64_t n = c.begin();
    const std::int64_t later = c.begin();
    c.script.report(later, 1, 1, 1);
    CHECK(!stops(c.report(median(1), n, 1, 9)));
    CHECK(stops(c.report(median(3, TrialPool::all_earlier), n, 1, 9)));
    CHECK(!stops(c.report(median(4, TrialPool::all_earlier), n, 1, 9)));  // the later one does not count
}

TEST_CASE("the median rule: warm-up, NaN, infinities, steps that others skipped, another metric") {
    Curves c;
    c.completed({1, 1, 1, 1});
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(median(1, TrialPool::completed, 2), n, 2, 9)));
    CHECK(stops(c.report(median(1, TrialPool::completed, 2), n, 2.5, 9)));  // others got past 2.5
    CHECK(stops(c.report(median(), n, 3, not_a_number)));
    CHECK(stops(c.report(median(), n, 3, infinity)));
    CHECK(!stops(c.report(median(), n, 3, -infinity)));
    CHECK(!stops(c.report(median(), n, 5, 9)));

    Curves all_nan;
    all_nan.completed({not_a_number});
    CHECK(!stops(all_nan.report(median(), all_nan.begin(), 1, 1e308)));  // better than what is no number
    CHECK(stops(all_nan.report(median(), all_nan.begin(), 1, not_a_number)));

    Curves other;
    const std::int64_t first = other.begin();
    other.script.apply(event::Reported{first, 1, {{"loss", 1}, {"error", 0.1}}}, 1);
    other.script.apply(event::Finished{first, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    const std::int64_t second = other.begin();
    other.script.apply(event::Reported{second, 1, {{"loss", 0.5}, {"error", 0.2}}}, 3);
    AnyStoppingPolicy by_error = MedianRule{{.metric = "error", .minimum_trials = 1}};
    CHECK(stops(by_error.decide(other.script.study, other.script.study.trial(second))));
    CHECK(!stops(AnyStoppingPolicy(median()).decide(other.script.study, other.script.study.trial(second))));
}

TEST_CASE("the median rule reads negative steps and reports out of order") {
    Curves c;
    const std::int64_t first = c.begin();
    for (const auto& [step, value] : {std::pair{-1.0, 2.0}, {-3.0, 4.0}})
        c.script.report(first, step, value, 1);
    c.script.apply(event::Finished{first, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(median(), n, -3, 9)));  // steps up to 0 are warm-up
    CHECK(!stops(c.report(median(), n, 0.5, 9)));
}

TEST_CASE("patience counts reports in a row without improvement by more than the minimum change") {
    Curves c;
    const AnyStoppingPolicy policy = Patience{{.patience = 2, .minimum_change = 0.1}};
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(policy, n, 1, 1.0)));
    CHECK(!stops(c.report(policy, n, 2, 0.95)));  // too little: 1
    CHECK(!stops(c.report(policy, n, 3, 0.85)));  // an improvement on 1.0
    CHECK(!stops(c.report(policy, n, 4, not_a_number)));
    const Verdict verdict = c.report(policy, n, 5, 0.8);
    CHECK(stops(verdict));
    CHECK(verdict.reason == "loss has not improved on 0.85 for 2 reports");
}

TEST_CASE(
    "patience turns with the direction, passes over other metrics and starts anew for a resumed trial") {
    Curves c(maximize("acc"));
    const AnyStoppingPolicy policy = Patience{{.patience = 1}};
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(policy, n, 1, 0.5)));
    CHECK(!stops(c.report(policy, n, 2, 0.6)));
    c.script.apply(event::Reported{n, 3, {{"loss", 1}}}, 3);
    CHECK(!stops(AnyStoppingPolicy(policy).decide(c.script.study, c.script.study.trial(n))));
    CHECK(stops(c.report(policy, n, 4, 0.6)));
    c.script.apply(event::Interrupted{n}, 5);
    c.script.apply(event::Resumed{n, true}, 6);
    CHECK(!stops(c.report(policy, n, 1, 0.1)));
}

TEST_CASE("any_of: the first that speaks, and stop before pause") {
    Curves c;
    const std::int64_t n = c.begin();
    const Always go{Decision::proceed, ""}, pause{Decision::pause, "pause"}, stop{Decision::stop, "stop"},
        other{Decision::stop, "other"}, later{Decision::pause, "later"};
    CHECK(c.report(any_of(go, go), n, 1, 1).decision == Decision::proceed);
    CHECK(c.report(any_of(go, stop, other), n, 1, 1).reason == "stop");
    CHECK(c.report(any_of(pause, stop), n, 1, 1).reason == "stop");
    CHECK(c.report(any_of(go, pause, later), n, 1, 1).reason == "pause");
    CHECK(c.report(any_of(AnyStoppingPolicy(stop)), n, 1, 1).reason == "stop");
    CHECK(AnyStoppingPolicy(any_of(go)).name() == "any_of");
}

TEST_CASE("after: silent up to the step, then the policy's own word and name") {
    Curves c;
    const std::int64_t n = c.begin();
    const AnyStoppingPolicy policy = after(2, Always{Decision::stop, "now"});
    CHECK(!stops(c.report(policy, n, 1, 1)));
    CHECK(!stops(c.report(policy, n, 2, 1)));
    CHECK(c.report(policy, n, 2.5, 1).reason == "now");
    CHECK(policy.name() == "custom");
    CHECK(AnyStoppingPolicy(after(1, MedianRule{})).name() == "median");
}

TEST_CASE("options of policies outside their range are refused") {
    check_error<InvalidOption>([] { (void)median(0); }, {"median rule", "minimum_trials (0)", "at least 1"});
    check_error<InvalidOption>([] { (void)median(1, TrialPool::completed, -1); },
                               {"median rule", "warmup_steps (-1)", "at least 0"});
    check_error<InvalidOption>([] { (void)median(1, TrialPool::completed, not_a_number); },
                               {"warmup_steps (nan)"});
    check_error<InvalidOption>([] { (void)Patience{{.patience = 0}}; }, {"patience (0)", "at least 1"});
    check_error<InvalidOption>([] { (void)Patience{{.minimum_change = -0.1}}; }, {"minimum_change (-0.1)"});
    check_error<InvalidOption>([] { (void)Patience{{.minimum_change = infinity}}; },
                               {"minimum_change (inf)", "finite"});
    check_error<InvalidOption>([] { (void)after(not_a_number, NeverStop{}); }, {"after", "step (nan)"});
}
