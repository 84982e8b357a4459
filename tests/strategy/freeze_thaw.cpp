#include "attune/strategy/freeze_thaw.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "attune/storage/memory.hpp"
#include "attune/strategy/tree_parzen.hpp"
#include "attune/tune/replay.hpp"
#include "attune/tune/tuner.hpp"
#include "support/errors.hpp"
#include "support/pausing_run.hpp"
#include "support/problems.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

constexpr int last = 40;

using Ran = test::PausingRun;

Ran run(const AnyStrategy& strategy, std::int64_t trials) {
    return test::run_pausing(strategy, trials, last, 5);
}

double best_of_all(const Study& study) {
    double best = 1e9;
    for (const TrialRecord& trial : study.trials())
        best = std::min(best, test::bowl(trial.configuration) + 3.0 / last);
    return best;
}

}  // namespace

TEST_CASE("freeze-thaw looks at every trial, finishes the best and stays within its budget") {
    const FreezeThawOptions options{.horizon = last, .budget_steps = 240, .trials = 24};
    const Ran ran = run(FreezeThaw{options}, 24);
    CHECK(ran.study.trials().size() == 24);
    CHECK(ran.steps <= 240);
    REQUIRE(ran.study.count(TrialState::completed) >= 1);
    CHECK(ran.study.value(*ran.study.best()) == doctest::Approx(best_of_all(ran.study)));
    const Replay again = replay(ran.events, FreezeThaw{options});
    CHECK(again.asked_again > 24);
    CHECK(again.differences.empty());
}

TEST_CASE("freeze-thaw without a budget ends when nobody contends") {
    const Ran ran = run(FreezeThaw{{.horizon = last, .trials = 20}}, 20);
    CHECK(ran.study.value(*ran.study.best()) == doctest::Approx(best_of_all(ran.study)));
    CHECK(ran.steps < 20 * last / 2);
    CHECK(ran.study.count(TrialState::paused) > 0);
}

TEST_CASE("freeze-thaw with a model: first looks are evidence, and the replay is the same") {
    const FreezeThawOptions options{.horizon = last, .budget_steps = 300};
    const FreezeThaw strategy{TreeParzen{{.initial_trials = 6}}, options};
    const Ran ran = run(strategy, 200);
    CHECK(ran.steps <= 300);
    CHECK(ran.study.count(TrialState::completed) >= 1);
    CHECK(replay(ran.events, strategy).differences.empty());
}

TEST_CASE("freeze-thaw refuses its options by name") {
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 0}}; }, {"horizon (0)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .budget_steps = 5}}; }, {"budget_steps (5)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .first_steps = 11}}; }, {"first_steps (11)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .look_share = 0}}; }, {"look_share (0)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .trials = -1}}; }, {"trials (-1)"});
}
