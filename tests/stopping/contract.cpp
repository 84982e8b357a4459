#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "attune/stopping/combine.hpp"
#include "attune/stopping/curve_prediction.hpp"
#include "attune/stopping/detail/first_completed.hpp"
#include "attune/stopping/dominated.hpp"
#include "attune/stopping/hyperband_rule.hpp"
#include "attune/stopping/median_rule.hpp"
#include "attune/stopping/paired_test.hpp"
#include "attune/stopping/patience.hpp"
#include "attune/stopping/patient.hpp"
#include "attune/stopping/percentile_rule.hpp"
#include "attune/stopping/successive_halving.hpp"
#include "attune/stopping/threshold.hpp"
#include "curves.hpp"
#include "support/same_bits.hpp"

using namespace attune;
using attune::test::Curves;
using attune::test::infinity;
using attune::test::not_a_number;

namespace {

MedianRule median(int minimum = 1, TrialPool pool = TrialPool::completed, double warmup = 0) {
    return MedianRule{{.warmup_steps = warmup, .minimum_trials = minimum, .pool = pool}};
}

/// To the last bit; every NaN is the same one.
bool same(const Metrics& a, const Metrics& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && test::same_bits(x.second, y.second);
    });
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
                    CHECK(same(verdict.numbers, first.numbers));
                }
                CHECK((first.decision == Decision::proceed) == first.reason.empty());
                CHECK((first.decision == Decision::proceed) == first.numbers.empty());
                stopped = first.decision != Decision::proceed;
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

/// Reports of every kind: out of order, repeated, missing the metric, NaN, after a pause from an earlier
/// step, after a beginning anew; several at one time, and trials that end in another order than they began. A
/// policy that has read all along decides as one that reads the study for the first time.
void contract_of_caches(const AnyStoppingPolicy& policy, std::uint64_t seed) {
    Curves c(seed % 2 == 0 ? minimize("loss") : maximize("loss"));
    RandomStream stream(seed, 0, Purpose::user);
    AnyStoppingPolicy used = policy;
    const double unit = seed < 2 ? 1 : 150;  // epochs, or the hundreds that ladders are estimated from
    double now = 10;
    for (int i = 0; i < 400; ++i) {
        if (c.script.study.unfinished().empty() || stream.below(8) == 0) (void)c.begin();
        const auto& open = c.script.study.unfinished();
        auto at = open.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(stream.below(open.size())));
        const TrialRecord& trial = c.script.study.trial(*at);
        if (stream.below(40) == 0) ++now;
        switch (stream.below(12)) {
            case 0:
                c.script.tell(trial.number, stream.uniform(), now);
                continue;
            case 1:
                c.script.tell(trial.number, stream.uniform(), now, TrialState::paused);
                continue;
            case 2:
                c.script.apply(event::Resumed{trial.number, stream.below(3) == 0}, now);
                continue;
            case 3:
                c.script.apply(event::Reported{trial.number, 1, {{"other", 1}}}, now);
                break;
            default: {
                const double last = trial.reports.empty() ? 0 : trial.reports.back().step;
                const double step =
                    stream.below(5) == 0 ? unit * std::floor(stream.uniform(1, 12)) : last + unit;
                const double value = stream.below(20) == 0 ? not_a_number : std::floor(stream.uniform(0, 20));
                c.script.report(trial.number, step, value, now);
            }
        }
        const Verdict kept = used.decide(c.script.study, trial);
        const Verdict fresh = AnyStoppingPolicy(policy).decide(c.script.study, trial);
        REQUIRE(kept.decision == fresh.decision);
        REQUIRE(kept.reason == fresh.reason);
        REQUIRE(same(kept.numbers, fresh.numbers));
        const auto next = used.resume(c.script.study);
        const auto next_fresh = AnyStoppingPolicy(policy).resume(c.script.study);
        REQUIRE(next.has_value() == next_fresh.has_value());
        if (next) REQUIRE(next->trial == next_fresh->trial);
        if (next) REQUIRE(c.script.study.trial(next->trial).state == TrialState::paused);
        if (stream.below(50) == 0) {  // looks at another study in between
            Curves other;
            (void)used.decide(other.script.study, other.script.study.trial(other.begin_reported(1, 2)));
        }
    }
}

void keeps_contract(const AnyStoppingPolicy& policy) {
    stopping_contract(policy);
    for (std::uint64_t seed = 0; seed < 4; ++seed) contract_of_caches(policy, seed);
}

}  // namespace

TEST_CASE("every policy keeps the contract") {
    keeps_contract(NeverStop{});
    keeps_contract(MedianRule{});
    keeps_contract(median());
    keeps_contract(median(2, TrialPool::all_earlier, 3));
    keeps_contract(Patience{});
    keeps_contract(Patience{{.patience = 1, .minimum_change = 0.5}});
    keeps_contract(any_of(median(), Patience{{.patience = 2}}));
    keeps_contract(any_of());
    keeps_contract(after(4, median()));
    keeps_contract(after(4, any_of(NeverStop{}, after(6, median()))));
    keeps_contract(MedianRule{{.minimum_trials = 1, .of = MedianOf::best_values}});
    keeps_contract(MedianRule{{.warmup_share = 0.3, .minimum_trials = 1}});
    keeps_contract(
        MedianRule{{.minimum_trials = 2, .pool = TrialPool::all_earlier, .of = MedianOf::best_values}});
    keeps_contract(PercentileRule{});
    keeps_contract(PercentileRule{{.percentile = 50, .minimum_trials = 1, .steps = {2, 3}}});
    keeps_contract(PercentileRule{{.percentile = 40, .minimum_trials = 0, .pool = TrialPool::all_earlier}});
    keeps_contract(Threshold{{.lower = -3, .upper = 3}});
    keeps_contract(Patient{{.patience = 1}});
    keeps_contract(Patient({.patience = 0, .minimum_change = 0.2}, median()));
    keeps_contract(SuccessiveHalving{});
    keeps_contract(SuccessiveHalving{{.factor = 2, .bootstrap_trials = 2}});
    keeps_contract(SuccessiveHalving{{.minimum_resource = 0, .factor = 2}});
    keeps_contract(SuccessiveHalving{{.factor = 2, .kind = HalvingKind::pause}});
    keeps_contract(CurvePrediction{{.minimum_trials = 1}});
    keeps_contract(CurvePrediction{{.horizon = 12, .least_chance = 0.3, .minimum_trials = 2}});
    keeps_contract(CurvePrediction{{.horizon = 12, .least_chance = 0.3, .pauses = false}});
    keeps_contract(HyperbandRule{});
    keeps_contract(HyperbandRule{{.maximum_resource = 9, .kind = HalvingKind::pause}});
    keeps_contract(HyperbandRule{{.maximum_resource = 9, .assign = bracket_in_turn}});
    keeps_contract(PairedTest{{.significance = 0.4}});
    keeps_contract(Dominated{{.share = 0.2, .minimum_trials = 2}});
    keeps_contract(all_of(median(), Patience{{.patience = 1}}));
    keeps_contract(all_of());
    keeps_contract(at_least(2, SuccessiveHalving{{.factor = 2}}));
    keeps_contract(each_objective(Combine::any, [](const std::string& metric) {
        return MedianRule{{.metric = metric, .minimum_trials = 1}};
    }));
}

TEST_CASE("of trials that completed at one time the lower number came first, for whoever looks when") {
    Curves c;
    const std::int64_t first = c.begin_reported(700, 1), second = c.begin_reported(300, 1);
    detail::FirstCompleted kept;
    c.script.tell(second, 1, 5);
    CHECK(kept.find(c.script.study)->last_step == 300);
    c.script.tell(first, 1, 5);
    CHECK(kept.find(c.script.study)->last_step == 700);
    CHECK(kept.find(c.script.study) == detail::FirstCompleted{}.find(c.script.study));
}
