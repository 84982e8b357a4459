#include "attune/analyse/savings.hpp"

#include <doctest/doctest.h>

#include "attune/analyse/report.hpp"
#include "attune/analyse/work_time.hpp"
#include "sample_studies.hpp"

using namespace attune;
using attune::test::StudyMaker;

namespace {

SearchSpace line() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return space;
}

std::int64_t run_trial(StudyMaker& maker, int reports, TrialState state, const Metrics& numbers = {}) {
    const auto trial = maker.begin(maker.draw(0));
    for (int i = 1; i <= reports; ++i) maker.seconds += 2, maker.report(trial, 10 * i, {{"loss", 1.0 / i}});
    if (state != TrialState::completed)
        maker.add(event::Decided{trial,
                                 10.0 * reports,
                                 state == TrialState::paused ? Decision::pause : Decision::stop,
                                 "because",
                                 {},
                                 numbers});
    event::Finished finished;
    finished.trial = trial;
    finished.state = state;
    finished.cost = reports;
    maker.add(finished);
    return trial;
}

}  // namespace

TEST_CASE("savings: the steps, seconds and cost that stopped and paused trials lack, and what was risked") {
    StudyMaker maker(line(), {minimize("loss")});
    CHECK(!savings(maker.study));
    run_trial(maker, 10, TrialState::completed);
    CHECK(!savings(maker.study));
    run_trial(maker, 4, TrialState::stopped, {{"low", 0.2}, {"high", 0.9}, {"best", 0.1}});
    const auto risked =
        run_trial(maker, 5, TrialState::stopped, {{"low", 0.05}, {"high", 0.9}, {"best", 0.1}});
    run_trial(maker, 1, TrialState::paused);
    const auto saved = savings(maker.study);
    REQUIRE(saved);
    CHECK(saved->stopped == 2);
    CHECK(saved->paused == 1);
    CHECK(saved->steps == 60 + 50 + 90);
    CHECK(saved->share == doctest::Approx(0.5));
    CHECK(saved->seconds == doctest::Approx(12 + 10 + 18));
    CHECK(saved->cost == doctest::Approx(6 + 5 + 9));
    CHECK(saved->risked == std::vector<std::int64_t>{risked});
    const std::string page = render_report(maker.study);
    CHECK(page.find("200 of about 400 steps (50 %) not run: 2 trials stopped, 1 paused") !=
          std::string::npos);
    CHECK(page.find("1 was stopped although its forecast reached the best") != std::string::npos);
    CHECK(page.find(R"("numbers":{"best":0.1,"high":0.9,"low":0.05})") != std::string::npos);
}

TEST_CASE("savings: what a program takes to start and to end is not saved") {
    StudyMaker maker(line(), {minimize("loss")});
    for (const int reports : {10, 10, 4, 1}) {
        const auto trial = maker.begin(maker.draw(0));
        maker.seconds += 30;
        for (int i = 1; i <= reports; ++i) maker.seconds += 2, maker.report(trial, i, {{"loss", 1.0 / i}});
        maker.seconds += 5;
        maker.finish(trial, reports == 10 ? TrialState::completed : TrialState::stopped);
    }
    const auto saved = savings(maker.study);
    REQUIRE(saved);
    CHECK(saved->seconds == doctest::Approx(2 * (6 + 9)));
}

TEST_CASE("a trial that went on after a pause is at work in its stretches, not between") {
    StudyMaker maker(line(), {minimize("loss")});
    const auto trial = run_trial(maker, 3, TrialState::paused);
    maker.seconds += 10'000;
    maker.add(event::Resumed{trial, false});
    maker.seconds += 2;
    maker.report(trial, 40, {{"loss", 0.1}});
    maker.finish(trial, TrialState::completed);
    CHECK(maker.study.trial(trial).duration_seconds() == doctest::Approx(8));
    CHECK(work_time(maker.study).seconds == doctest::Approx(8));
    CHECK(render_report(maker.study).find(R"("seconds":8)") != std::string::npos);
}
