#include <doctest/doctest.h>

#include "attune/core.hpp"
#include "attune/storage/open.hpp"
#include "attune/storage/studies.hpp"
#include "attune/strategy/asynchronous_halving.hpp"
#include "attune/tune/replay.hpp"
#include "support/shared_data.hpp"

using namespace attune;

// What a merged study keeps beside its trials' values and results.

namespace {

/// A study of 12 trials that pause and are gone on with, with one more in the queue and a note.
void make_pausing(const std::string& address, const std::string& note, double enqueued) {
    SearchSpace space;
    const auto x = space.continuous("x", 0, 1);
    Tuner tuner{space, minimize("loss"), AsynchronousHalving{{.maximum_resource = 9}}, open_storage(address),
                TunerOptions{.resumable = true}};
    (void)tuner.run({.max_trials = 12}, [&](Trial& trial) {
        for (int step = static_cast<int>(trial.reported_step().value_or(0)) + 1; step <= 9; ++step)
            if (trial.report(step, trial[x]) != Decision::proceed) break;
    });
    tuner.enqueue({{"x", enqueued}});
    tuner.set_attribute(-1, "data", note);
}

}  // namespace

TEST_CASE("a merged study of trials that paused replays, and keeps the queues and the first one's notes") {
    const test::TemporaryFolder folder;
    const auto at = [&](const char* name) { return (folder.path() / name).string(); };
    make_pausing(at("a.attune"), "first", 0.25);
    make_pausing(at("b.attune"), "second", 0.5);
    merge_studies({at("a.attune"), at("b.attune")}, at("m.attune"));
    const auto events = open_storage(at("m.attune"), {.read_only = true}).read(0);
    Study merged;
    for (const Event& event : events) merged.apply(event);
    const auto resumptions = std::count_if(events.begin(), events.end(), [](const Event& event) {
        return std::holds_alternative<event::Resumed>(event.body);
    });
    CHECK(resumptions >= 8);
    CHECK(merged.trials().size() == 24);
    const Replay again = replay(events, AsynchronousHalving{{.maximum_resource = 9}});
    CHECK(again.passed_over == 24);
    CHECK(again.asked_again == 0);
    REQUIRE(merged.enqueued().size() == 2);
    CHECK(merged.enqueued().begin()->second == event::Values{{"x", 0.25}});
    CHECK(merged.enqueued().rbegin()->second == event::Values{{"x", 0.5}});
    CHECK(merged.attributes().at("data") == "first");
}

TEST_CASE("merging a study with its copies takes what they share once, from the one that has more of it") {
    const test::TemporaryFolder folder;
    const auto at = [&](const char* name) { return (folder.path() / name).string(); };
    SearchSpace space;
    const auto x = space.continuous("x", 0, 1);
    const auto tuner = [&](const char* name) {
        return Tuner{space, minimize("loss"), RandomSearch{}, open_storage(at(name))};
    };
    {
        Tuner first = tuner("a.attune");
        first.ask()->tell(0.5);
        (void)first.ask();  // trial 1 has no result yet
        first.enqueue({{"x", 0.25}});
    }
    CHECK(copy_study(at("a.attune"), at("b.attune")).empty());
    {
        Tuner copy = tuner("b.attune");
        auto trial = copy.ask();  // the one that was cut off
        REQUIRE(trial);
        CHECK(trial->number() == 1);
        trial->tell(0.75);
        copy.ask()->tell(0.125);
    }
    {
        Tuner first = tuner("a.attune");
        const auto again = first.ask();
        first.ask()->tell(0.0625);  // another trial 2 than the copy's, though both have the same number
    }
    const std::string notice = merge_studies({at("a.attune"), at("b.attune")}, at("m.attune"));
    CHECK(notice ==
          "2 trials are in more than one of the studies, as where one was copied from another: taken once");
    Study merged;
    for (const Event& event : open_storage(at("m.attune"), {.read_only = true}).read(0)) merged.apply(event);
    std::vector<double> values;
    for (const TrialRecord& trial : merged.trials())
        if (trial.finished()) values.push_back(merged.value(trial));
    std::sort(values.begin(), values.end());
    CHECK(values == std::vector<double>{0.0625, 0.125, 0.5, 0.75});
    CHECK(merged.trials().size() == 4);
}
