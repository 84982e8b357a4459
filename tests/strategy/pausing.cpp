#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "attune/storage/memory.hpp"
#include "attune/strategy/asynchronous_halving.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/hyperband.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "attune/tune/replay.hpp"
#include "attune/tune/tuner.hpp"
#include "support/errors.hpp"
#include "support/pausing_run.hpp"
#include "support/problems.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

using Ran = test::PausingRun;

Ran run(const AnyStrategy& strategy, std::int64_t trials, int last) {
    return test::run_pausing(strategy, trials, last, 3);
}

std::map<double, int> last_steps(const Study& study) {
    std::map<double, int> out;
    for (const TrialRecord& trial : study.trials()) ++out[trial.reports.back().step];
    return out;
}

}  // namespace

TEST_CASE("asynchronous halving: a third of the trials goes on at each rung, none waits") {
    const Ran ran = run(AsynchronousHalving{{.maximum_resource = 9}}, 27, 9);
    // At least a third; a few more that were among the best when they came.
    const auto steps = last_steps(ran.study);
    CHECK(steps.size() == 3);
    CHECK(steps.at(1) <= 18);
    CHECK(steps.at(1) >= 12);
    CHECK(steps.at(9) >= 3);
    CHECK(steps.at(9) <= 5);
    CHECK(ran.study.count(TrialState::completed) == static_cast<std::size_t>(steps.at(9)));
    CHECK(ran.study.count(TrialState::paused) == static_cast<std::size_t>(27 - steps.at(9)));
    CHECK(ran.steps == steps.at(1) + 3 * steps.at(3) + 9 * steps.at(9));
    // The best of all at the first rung has gone all the way.
    double best = 1e9;
    std::int64_t leader = -1;
    for (const TrialRecord& trial : ran.study.trials())
        if (test::bowl(trial.configuration) < best) {
            best = test::bowl(trial.configuration);
            leader = trial.number;
        }
    CHECK(ran.study.best()->number == leader);
    const Replay again = replay(ran.events, AsynchronousHalving{{.maximum_resource = 9}});
    CHECK(again.asked_again == 27 + steps.at(3) + 2 * steps.at(9));
    CHECK(again.differences.empty());
}

TEST_CASE("asynchronous halving without a known end goes on until trials end by themselves") {
    const Ran ran = run(AsynchronousHalving{}, 12, 5);
    CHECK(ran.study.count(TrialState::completed) == 1);
    CHECK(last_steps(ran.study) == std::map<double, int>{{1, 8}, {3, 3}, {5, 1}});
}

TEST_CASE("hyperband: whole brackets, one after the other") {
    // Brackets of 9 from step 1, 5 from step 3, 3 from step 9.
    const Ran ran = run(Hyperband{{.maximum_resource = 9}}, 17, 9);
    CHECK(last_steps(ran.study) == std::map<double, int>{{1, 6}, {3, 2 + 4}, {9, 1 + 1 + 3}});
    std::vector<double> until;
    for (const Event& event : ran.events)
        if (const auto* begun = std::get_if<event::Suggested>(&event.body))
            until.push_back(begun->until.value_or(0));
    CHECK(until == std::vector<double>{1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 0, 0, 0});
    const Replay again = replay(ran.events, Hyperband{{.maximum_resource = 9}});
    CHECK(again.asked_again == 17 + 3 + 1 + 1);
    CHECK(again.differences.empty());
}

TEST_CASE("hyperband: a bracket that stays short halves what it has") {
    const Ran ran = run(Hyperband{{.maximum_resource = 9}}, 5, 9);
    CHECK(last_steps(ran.study) == std::map<double, int>{{1, 4}, {9, 1}});
    CHECK(ran.study.count(TrialState::completed) == 1);
    CHECK(replay(ran.events, Hyperband{{.maximum_resource = 9}}).differences.empty());
}

TEST_CASE("hyperband: a bracket waits for all of its trials; meanwhile the next one begins") {
    TunerOptions options{.resumable = true};
    Tuner tuner{test::mixed_space(), minimize("loss"), Hyperband{{.maximum_resource = 3}}, options};
    std::vector<Trial> open;  // a bracket of 3, then one of 2
    for (int i = 0; i < 3; ++i) open.push_back(*tuner.ask());
    for (int i = 0; i < 2; ++i) CHECK(open[static_cast<std::size_t>(i)].report(1, i) == Decision::pause);
    open[0].tell(Metrics{});
    open[1].tell(Metrics{});
    auto next = tuner.ask();
    CHECK(next->number() == 3);
    CHECK(!next->until());
    open[2].fail("lost");
    auto promoted = tuner.ask();
    CHECK(promoted->number() == 0);
    CHECK(promoted->resumed());
    CHECK(!promoted->until());
    CHECK(tuner.ask()->number() == 4);
    const Study study = tuner.study();
    CHECK(study.trial(0).suggestion_reason ==
          "loss is among the best 1 of 3 at the rung of step 1 of bracket 0");
    promoted->tell(0.5);
    next->tell(1);
}

TEST_CASE("both with models, which are shown paused trials as evidence") {
    GaussianProcessOptions process;
    process.initial_trials = 4;
    process.starts = 2;
    process.candidates = 64;
    for (const AnyStrategy& strategy :
         {AnyStrategy(AsynchronousHalving(GaussianProcess{process}, {.maximum_resource = 9})),
          AnyStrategy(Hyperband(TreeParzen{{.initial_trials = 5}}, {.maximum_resource = 9}))}) {
        const Ran ran = run(strategy, 16, 9);
        INFO(strategy.name());
        int modelled = 0;
        for (const TrialRecord& trial : ran.study.trials())
            modelled += trial.role == "exploiting" || trial.role == "exploring" ? 1 : 0;
        CHECK(modelled > 5);
        CHECK(replay(ran.events, strategy).differences.empty());
    }
}

TEST_CASE("a projection is the rung's value and the median gain of those that went further") {
    test::StudyScript script(test::mixed_space(), maximize("acc"));
    const SuggestionRequest request;
    RungLedger ledger(RungLadder{1, 3, 0, 9});
    for (int i = 0; i < 4; ++i) {
        SuggestionRequest next = request;
        next.trial = i;
        event::Suggested suggested;
        suggested.trial = i;
        suggested.configuration = RandomSearch{}.suggest(script.study, next)->configuration.values();
        script.apply(suggested, i);
    }
    const auto reports = [&](std::int64_t n, double at_1, double at_3) {
        script.report(n, 1, at_1, 10);
        if (!std::isnan(at_3)) script.report(n, 3, at_3, 11);
    };
    reports(0, 1, 3);  // gains 2, then completes with 7: gains 4
    script.tell(0, 7, 12);
    reports(1, 2, 5);  // gains 3
    script.tell(1, 5, 12, TrialState::paused);
    reports(2, 4, std::nan(""));
    ledger.follow(script.study, script.study.objective());
    const Study projected = detail::with_projections(script.study, ledger);
    CHECK(projected.value(projected.trial(0)) == 7);
    CHECK(projected.value(projected.trial(1)) == 5 + 4);
    // Of two gains the middle one is the greater loss.
    CHECK(projected.value(projected.trial(2)) == 4 + 2 + 4);
    CHECK(projected.trial(3).pending());
    CHECK(projected.best()->number == 2);
    CHECK(script.study.best()->number == 0);
}

TEST_CASE("an interrupted trial keeps the step that it was to go to") {
    Memory memory;
    {
        Tuner tuner{test::mixed_space(), minimize("loss"), AsynchronousHalving{},
                    TunerOptions{.resumable = true}, memory};
        auto trial = tuner.ask();
        CHECK(trial->until() == 1);
    }
    Tuner tuner{test::mixed_space(), minimize("loss"), AsynchronousHalving{}, TunerOptions{.resumable = true},
                memory};
    auto again = tuner.ask();
    CHECK(again->number() == 0);
    CHECK(again->until() == 1);
    again->tell(1);
}

TEST_CASE("options of strategies that pause are refused outside their range") {
    check_error<InvalidOption>([] { (void)AsynchronousHalving{{.minimum_resource = 0}}; },
                               {"asynchronous halving", "minimum_resource (0)"});
    check_error<InvalidOption>([] { (void)AsynchronousHalving{{.factor = 1}}; }, {"factor (1)"});
    check_error<InvalidOption>([] { (void)Hyperband{{.minimum_resource = 3, .maximum_resource = 2}}; },
                               {"hyperband", "maximum_resource (2)"});
}
