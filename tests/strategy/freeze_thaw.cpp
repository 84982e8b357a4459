#include "attune/strategy/freeze_thaw.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

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

/// Keeps what it is shown, and must not be asked to go on with anything.
struct Onlooker {
    std::shared_ptr<Study> seen;
    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        *seen = study;
        CHECK(!request.resumable);
        return RandomSearch{}.suggest(study, request);
    }
};

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

TEST_CASE("freeze-thaw without a plan of trials keeps back what its leader needs") {
    for (const double budget : {40, 45, 60, 90, 150, 300, 600}) {
        const Ran ran = run(FreezeThaw{{.horizon = last, .budget_steps = budget}}, 1000);
        INFO(budget);
        CHECK(ran.steps <= budget);
        CHECK(ran.study.count(TrialState::completed) >= 1);
    }
}

TEST_CASE("freeze-thaw shows where configurations come from paused trials as ended where they are expected") {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    test::StudyScript s(space, std::vector<Objective>{minimize("loss"), maximize("speed")});
    for (int i = 0; i < 4; ++i) s.ask(0.1 * i, 1);
    for (int step = 1; step <= 4; ++step)
        for (int i = 0; i < 3; ++i)
            s.apply(event::Reported{i, double(step), {{"loss", i + 3.0 / step}, {"speed", i}}}, 2);
    s.apply(event::Finished{0, TrialState::completed, {{"loss", 0.1}}, {}, "", {}, {}, {}}, 3);
    for (int i = 1; i < 3; ++i) s.apply(event::Finished{i, TrialState::paused, {}, {}, "", {}, {}, {}}, 3);
    SearchSpace wider;
    (void)wider.continuous("x", 0, 2);
    s.apply(event::SpaceChanged{wider, {}}, 4);

    const auto seen = std::make_shared<Study>();
    FreezeThaw strategy{Onlooker{seen}, {.horizon = last, .trials = 20}};
    SuggestionRequest request;
    request.trial = 4;
    request.resumable = true;
    (void)strategy.suggest(s.study, request);
    REQUIRE(seen->trials().size() == 4);
    CHECK(seen->count(TrialState::completed) == 3);
    CHECK(seen->unfinished() == std::set<std::int64_t>{3});
    CHECK(seen->value(seen->trial(0)) == 0.1);
    const double first = seen->value(seen->trial(1)), second = seen->value(seen->trial(2));
    CHECK(first < second);
    CHECK(first < 1 + 3.0 / 4);  // the curves still fall
    CHECK(seen->value(seen->trial(2), 1) == 2);
    CHECK(seen->trial(1).reports.size() == 4);
    CHECK(seen->space()[0].contains(1.5));
    CHECK(s.study.count(TrialState::paused) == 2);
}

TEST_CASE("freeze-thaw refuses its options by name") {
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 0}}; }, {"horizon (0)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .budget_steps = 5}}; }, {"budget_steps (5)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .first_steps = 11}}; }, {"first_steps (11)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .look_share = 0}}; }, {"look_share (0)"});
    check_error<InvalidOption>([] { FreezeThaw{{.horizon = 10, .trials = -1}}; }, {"trials (-1)"});
}
