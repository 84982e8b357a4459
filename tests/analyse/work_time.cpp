#include "attune/analyse/work_time.hpp"

#include <doctest/doctest.h>

#include "analyse/sample_studies.hpp"
#include "attune/analyse/report.hpp"
#include "attune/analyse/table.hpp"

namespace {

using attune::TrialState;
using attune::test::first_second;

attune::test::StudyMaker new_study() {
    attune::SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return {std::move(space), {attune::minimize("loss")}};
}

/// A trial of ten seconds that reports every second.
void run_trial(attune::test::StudyMaker& maker, std::int64_t trial) {
    for (int i = 1; i <= 10; ++i) maker.seconds += 1, maker.report(trial, i, {{"loss", 1.0 / i}});
    maker.finish(trial, TrialState::completed);
}

/// Two runs with a night between them; the second run begins the trial again that the first was killed in.
attune::Study killed_and_resumed() {
    auto maker = new_study();
    run_trial(maker, maker.begin(maker.draw(0)));
    maker.seconds += 1;  // the next trial is thought out
    const auto lost = maker.begin(maker.draw(1));
    maker.seconds += 4;
    maker.report(lost, 1, {{"loss", 1}});
    maker.seconds += 30'000;
    maker.add(attune::event::Interrupted{lost});
    maker.add(attune::event::Resumed{lost, true});
    run_trial(maker, lost);
    maker.add(attune::event::Ended{"2 trials were run"});
    return maker.study;
}

}  // namespace

TEST_CASE("time between runs is no time at work") {
    const attune::Study study = killed_and_resumed();
    const attune::WorkTime time = attune::work_time(study);
    CHECK(time.seconds == doctest::Approx(25));  // the four seconds of the lost attempt too
    CHECK(time.begun_seconds == first_second);
    CHECK(time.ended_seconds == first_second + 30'025);
    REQUIRE(time.pauses.size() == 1);
    CHECK(time.pauses[0].first == first_second + 15);
    CHECK(time.pauses[0].second == first_second + 30'015);
    CHECK(study.trial(1).duration_seconds() == doctest::Approx(10));

    CHECK(attune::best_trials_table(study).find(
              "\nSearch time 25s (8h 20m between trials not counted); ended because") != std::string::npos);
    const std::string page = attune::render_report(study);
    CHECK(page.find("<h3>Search time</h3><p class=\"big\">25s</p>") != std::string::npos);
    CHECK(page.find("begun 2023-11-14 22:13, ended 2023-11-15 06:33 UTC") != std::string::npos);
}

TEST_CASE("a trial that is gone on with from a checkpoint did not work while nobody ran it") {
    auto maker = new_study();
    const auto trial = maker.begin(maker.draw(0));
    maker.seconds += 4;
    maker.report(trial, 1, {{"loss", 1}});
    maker.seconds += 30'000;
    maker.add(attune::event::Resumed{trial, false});
    maker.seconds += 6;
    maker.finish(trial, TrialState::completed);
    const attune::WorkTime time = attune::work_time(maker.study);
    CHECK(time.seconds == doctest::Approx(10));
    CHECK(attune::seconds_paused(time) == doctest::Approx(30'000));
}

TEST_CASE("trials that run side by side count once, short thoughts between them as work") {
    auto maker = new_study();
    const auto first = maker.begin(maker.draw(0));
    maker.seconds = 3;
    const auto second = maker.begin(maker.draw(1));
    maker.seconds = 8;
    maker.finish(first, TrialState::completed, {{"loss", 1}});
    maker.seconds = 11;
    maker.finish(second, TrialState::completed, {{"loss", 1}});
    maker.seconds = 13;
    (void)maker.begin(maker.draw(2));
    maker.seconds = 14;
    maker.add(attune::event::Ended{"for now"});
    CHECK(attune::work_time(maker.study).seconds == doctest::Approx(14));
    CHECK(attune::work_time(maker.study).pauses.empty());
}

TEST_CASE("an interrupted trial worked until its latest report; a study without trials not at all") {
    auto maker = new_study();
    CHECK(attune::work_time(maker.study).seconds == 0);
    const auto trial = maker.begin(maker.draw(0));
    maker.seconds = 4;
    maker.report(trial, 1, {{"loss", 1}});
    maker.seconds = 9000;
    maker.add(attune::event::Interrupted{trial});
    CHECK(attune::work_time(maker.study).seconds == doctest::Approx(4));
}
