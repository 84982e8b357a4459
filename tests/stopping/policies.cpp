#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "attune/stopping/combine.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/patience.hpp"
#include "support/errors.hpp"
#include "support/problems.hpp"

using namespace attune;
using attune::test::check_error;
using attune::test::StudyScript;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

SearchSpace line() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return space;
}

/// A study of finished trials with the given curves (steps from 1), and one running trial.
struct Curves {
    StudyScript script;

    explicit Curves(Objective objective = minimize("loss")) : script(line(), std::move(objective)) {}

    void completed(const std::vector<double>& values, TrialState state = TrialState::completed) {
        const std::int64_t number = begin();
        for (std::size_t i = 0; i < values.size(); ++i)
            script.report(number, static_cast<double>(i + 1), values[i], 1);
        script.apply(event::Finished{number, state, {}, {}, "", {}, {}, {}}, 2);
    }
    std::int64_t begin() {
        script.ask(0.5, 0);
        return static_cast<std::int64_t>(script.study.trials().size()) - 1;
    }
    Verdict report(AnyStoppingPolicy policy, std::int64_t trial, double step, double value) {
        script.report(trial, step, value, 3);
        return policy.decide(script.study, script.study.trial(trial));
    }
};

bool stops(const Verdict& verdict) { return verdict.decision == Decision::stop; }

/// Answers with what it was made with.
struct Always {
    Decision decision;
    std::string why;
    [[nodiscard]] Verdict decide(const Study&, const TrialRecord&) const { return {decision, why}; }
};

MedianRule median(int minimum = 1, MedianPool pool = MedianPool::completed, double warmup = 0) {
    return MedianRule{{.warmup_steps = warmup, .minimum_trials = minimum, .pool = pool}};
}

/// What every policy must do, whatever it is good at.
void stopping_contract(const AnyStoppingPolicy& policy) {
    for (const bool up : {false, true}) {
        const double sign = up ? -1 : 1;
        Curves a(up ? maximize("loss") : minimize("loss")), b(up ? maximize("loss") : minimize("loss"));
        AnyStoppingPolicy used = policy;
        for (int trial = 0; trial < 8; ++trial) {
            const std::int64_t n = a.begin();
            b.begin();
            bool stopped = false;
            for (int step = 1; step <= 12 && !stopped; ++step) {
                const bool odd = trial % 4 == 3;
                const double value = odd && step % 3 == 0   ? not_a_number
                                     : odd && step % 3 == 1 ? infinity
                                                            : sign * (1 + std::abs(trial - 3) + 5.0 / step);
                // The one used all along, a fresh copy and one asked twice say the same: no memory beside the
                // study.
                const Verdict first = a.report(policy, n, step, value);
                const Verdict second = used.decide(a.script.study, a.script.study.trial(n));
                const Verdict third = used.decide(a.script.study, a.script.study.trial(n));
                b.script.report(n, step, value, 3);
                const Verdict fourth =
                    AnyStoppingPolicy(used).decide(b.script.study, b.script.study.trial(n));
                for (const Verdict& verdict : {second, third, fourth}) {
                    CHECK(verdict.decision == first.decision);
                    CHECK(verdict.reason == first.reason);
                }
                CHECK((first.decision == Decision::proceed) == first.reason.empty());
                stopped = first.decision == Decision::stop;
            }
            const event::Finished end{
                n, stopped ? TrialState::stopped : TrialState::completed, {}, {}, "", {}, {}, {}};
            a.script.apply(end, 4);
            b.script.apply(end, 4);
        }
        // A report without the metric, of a trial that has no other: nothing to judge by.
        const std::int64_t n = a.begin();
        a.script.apply(event::Reported{n, 1, {{"other", 1}}}, 5);
        CHECK(used.decide(a.script.study, a.script.study.trial(n)).decision == Decision::proceed);
    }
}

}  // namespace

TEST_CASE("every policy keeps the contract") {
    stopping_contract(NeverStop{});
    stopping_contract(MedianRule{});
    stopping_contract(median());
    stopping_contract(median(2, MedianPool::all_earlier, 3));
    stopping_contract(Patience{});
    stopping_contract(Patience{{.patience = 1, .minimum_change = 0.5}});
    stopping_contract(any_of(median(), Patience{{.patience = 2}}));
    stopping_contract(any_of());
    stopping_contract(after(4, median()));
    stopping_contract(after(4, any_of(NeverStop{}, after(6, median()))));
}

TEST_CASE("a reason names NaN and counts one thing as one") {
    Curves c;
    const std::int64_t first = c.begin();
    c.script.report(first, 1, 0.5, 1);
    c.script.apply(event::Finished{first, TrialState::completed, {}, {}, "", {}, {}, {}}, 2);
    const AnyStoppingPolicy rule = MedianRule{{.minimum_trials = 1}};
    CHECK(c.report(rule, c.begin(), 1, not_a_number).reason ==
          "loss is NaN at step 1, which counts as worse than any number, here the median 0.5 of 1 trial");
    CHECK(c.report(rule, c.begin(), 1, 0.75).reason ==
          "loss = 0.75 at step 1 is worse than the median 0.5 of 1 trial");
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
    CHECK(verdict.reason == "loss = 5.001 at step 2 is worse than the median 5 of 3 trials");
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
    CHECK(stops(c.report(median(3, MedianPool::all_earlier), n, 1, 9)));
    CHECK(!stops(c.report(median(4, MedianPool::all_earlier), n, 1, 9)));  // the later one does not count
}

TEST_CASE("the median rule: warm-up, NaN, infinities, steps that others skipped, another metric") {
    Curves c;
    c.completed({1, 1, 1, 1});
    const std::int64_t n = c.begin();
    CHECK(!stops(c.report(median(1, MedianPool::completed, 2), n, 2, 9)));
    CHECK(stops(c.report(median(1, MedianPool::completed, 2), n, 2.5, 9)));  // others got past 2.5
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
    check_error<InvalidOption>([] { (void)median(1, MedianPool::completed, -1); },
                               {"median rule", "warmup_steps (-1)", "at least 0"});
    check_error<InvalidOption>([] { (void)median(1, MedianPool::completed, not_a_number); },
                               {"warmup_steps (nan)"});
    check_error<InvalidOption>([] { (void)Patience{{.patience = 0}}; }, {"patience (0)", "at least 1"});
    check_error<InvalidOption>([] { (void)Patience{{.minimum_change = -0.1}}; }, {"minimum_change (-0.1)"});
    check_error<InvalidOption>([] { (void)Patience{{.minimum_change = infinity}}; },
                               {"minimum_change (inf)", "finite"});
    check_error<InvalidOption>([] { (void)after(not_a_number, NeverStop{}); }, {"after", "step (nan)"});
}
