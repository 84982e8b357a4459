#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "attune/stopping/stopping_policy.hpp"
#include "attune/storage/memory.hpp"
#include "attune/tune/detail/checkpoint_quota.hpp"
#include "attune/tune/replay.hpp"
#include "attune/tune/tuner.hpp"
#include "support/errors.hpp"
#include "support/problems.hpp"
#include "support/shared_data.hpp"
#include "tune/support.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

const TunerOptions can_pause{.resumable = true};

/// Begins trials until step 2; when there are three, goes on with the best paused one until step 4, then to
/// its end.
struct GoesOn {
    static constexpr bool needs_pauses = true;
    [[nodiscard]] static std::string name() { return "goes_on"; }
    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
        const TrialRecord* best = nullptr;
        for (const TrialRecord& trial : study.trials())
            if (trial.state == TrialState::paused && (best == nullptr || study.beats(trial, *best)))
                best = &trial;
        if (request.resumable && best != nullptr && study.trials().size() >= 3) {
            Suggestion on{best->configuration, "the best paused one", "promoted", ""};
            on.resume = best->number;
            if (best->reports.back().step < 4) on.until = 4;
            return on;
        }
        if (request.only_resume) return std::nullopt;
        auto begun = RandomSearch{}.suggest(study, request);
        if (begun && request.resumable) begun->until = 2;
        return begun;
    }
};

/// Pauses every trial at step 1 and goes on with the oldest once there are two.
struct PausesAtOne {
    [[nodiscard]] static Verdict decide(const Study&, const TrialRecord& trial) {
        if (trial.reports.back().step != 1) return {};
        return {Decision::pause, "at step 1", {{"step", 1}}};
    }
    [[nodiscard]] static std::optional<Resumption> resume(const Study& study) {
        if (study.trials().size() < 2) return std::nullopt;
        for (const std::int64_t number : study.unfinished())
            if (study.trial(number).state == TrialState::paused) return Resumption{number, 3, "its turn"};
        return std::nullopt;
    }
};

/// Trains from where it was, six steps in all; the loss falls with steps and differs by trial.
struct Trains {
    std::map<std::int64_t, int>* at;
    std::vector<std::string>* log;
    void operator()(Trial& trial) const {
        int& step = (*at)[trial.number()];
        log->push_back(std::to_string(trial.number()) + (trial.resumed() ? "+" : "") + " from " +
                       std::to_string(step) +
                       (trial.until() ? " until " + std::to_string(static_cast<int>(*trial.until())) : ""));
        while (step < 6) {
            ++step;
            if (trial.report(step, 10.0 + static_cast<double>(trial.number()) - step) != Decision::proceed)
                return;
        }
    }
};

std::vector<Event> events_of(Memory& memory) { return memory.read(0); }

}  // namespace

TEST_CASE("trials pause at the step of their suggestion and are gone on with as the strategy says") {
    Memory memory;
    std::map<std::int64_t, int> at;
    std::vector<std::string> log;
    Tuner tuner{test::plane(), minimize("y"), GoesOn{}, can_pause, memory};
    const Outcome outcome = tuner.run({.max_trials = 3}, Trains{&at, &log});
    CHECK(log == std::vector<std::string>{"0 from 0 until 2", "1 from 0 until 2", "2 from 0 until 2",
                                          "0+ from 2 until 4", "0+ from 4", "1+ from 2 until 4", "1+ from 4",
                                          "2+ from 2 until 4", "2+ from 4"});
    CHECK(outcome.reason() == "3 trials were run");
    const Study& study = outcome.study();
    CHECK(study.count(TrialState::completed) == 3);
    CHECK(outcome.best().number == 0);
    for (const TrialRecord& trial : study.trials()) {
        CHECK(trial.reports.size() == 6);
        CHECK(trial.claim == 2);
        CHECK(trial.earlier_work.size() == 2);
        CHECK(trial.rewrites == 0);
        CHECK(trial.metric("y") == 4.0 + static_cast<double>(trial.number));
    }
    const Replay again = replay(events_of(memory), GoesOn{});
    CHECK(again.asked_again == 9);
    CHECK(again.differences.empty());
    // Another strategy would have begun trials where this one went on, and to no step.
    const Replay other = replay(events_of(memory), RandomSearch{});
    CHECK(other.differences.size() == 9);
    CHECK(other.differences.front().until_differs);
    CHECK(other.differences.back().resumption);
    CHECK(!other.differences.back().replayed_resume);
}

TEST_CASE("a strategy that lets every trial pause replays where trials cannot") {
    struct AlwaysPauses {
        std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const {
            auto begun = RandomSearch{}.suggest(study, request);
            if (begun) begun->until = 2;
            return begun;
        }
    };
    for (const bool resumable : {false, true}) {
        Memory memory;
        Tuner tuner{test::plane(), minimize("y"), AlwaysPauses{}, TunerOptions{.resumable = resumable},
                    memory};
        auto first = tuner.ask(), second = tuner.ask({{"x", 0.25}});
        CHECK(first->until().has_value() == resumable);
        first->tell(1);
        second->tell(2);
        const Replay again = replay(events_of(memory), AlwaysPauses{});
        CHECK(again.asked_again == 2);
        CHECK(again.differences.empty());
    }
}

TEST_CASE("a policy pauses, keeps the numbers that it compared, and goes on with trials of any strategy") {
    Memory memory;
    std::map<std::int64_t, int> at;
    std::vector<std::string> log;
    Tuner tuner{test::plane(), minimize("y"), PausesAtOne{}, can_pause, memory};
    const Outcome outcome = tuner.run({.max_trials = 2}, Trains{&at, &log});
    CHECK(log[0] == "0 from 0");
    CHECK(log[1] == "1 from 0");
    CHECK(log[2] == "0+ from 1 until 3");
    int decided = 0, resumed = 0;
    for (const Event& event : events_of(memory)) {
        if (const auto* d = std::get_if<event::Decided>(&event.body); d != nullptr && d->step == 1) {
            ++decided;
            CHECK(d->decision == Decision::pause);
            CHECK(d->numbers == Metrics{{"step", 1}});
        }
        if (const auto* r = std::get_if<event::Resumed>(&event.body)) {
            ++resumed;
            CHECK(r->role == "policy");
            CHECK(r->reason == "its turn");
            CHECK(r->until == 3);
        }
    }
    CHECK(decided == 2);
    CHECK(resumed > 2);
    CHECK(replay(events_of(memory), RandomSearch{}).differences.empty());
}

TEST_CASE("a paused trial: its record, its value, and what may still be said of it") {
    double now = 100;
    TunerOptions options{.resumable = true};
    options.clock = [&now] { return now; };
    Tuner tuner{test::plane(), minimize("y"), GoesOn{}, options};
    auto trial = tuner.ask();
    REQUIRE(trial);
    CHECK(trial->until() == 2);
    CHECK(trial->report(1, 5) == Decision::proceed);
    now = 104;
    CHECK(trial->report(2, 4) == Decision::pause);
    trial->set_cost(1.5);
    trial->tell(Metrics{{"seconds", 9}});
    {
        const Study study = tuner.study();
        const TrialRecord& paused = study.trial(0);
        CHECK(paused.state == TrialState::paused);
        CHECK(!paused.finished());
        CHECK(paused.reason == "has come to step 2, as far as it was to go");
        CHECK(paused.metric("y") == 4);
        CHECK(paused.metric("seconds") == 9);
        CHECK(paused.duration_seconds() == 4);
        CHECK(study.best() == &paused);  // nothing has come to its end yet
        CHECK(study.unfinished().contains(0));
    }
    CHECK(tuner.report(0, 3, {{"y", 3}}).decision == Decision::pause);  // it did not listen: kept as evidence
    CHECK(tuner.tell(0, {.metrics = {{"y", 1}}}).state == TrialState::paused);
    now = 200;
    Trial again = tuner.go_on_with(0);
    CHECK(again.resumed());
    CHECK(!again.until());
    CHECK(tuner.study().trial(0).state == TrialState::running);
    CHECK(std::isnan(tuner.study().trial(0).metric("y")));
    CHECK(again.report(3, 2) ==
          Decision::proceed);  // takes the place of the one that came while it was paused
    again.set_cost(2);
    now = 210;
    again.tell(Metrics{});
    const Study study = tuner.study();
    CHECK(study.trial(0).state == TrialState::completed);
    CHECK(study.trial(0).reports.size() == 3);
    CHECK(study.trial(0).rewrites == 1);
    CHECK(study.trial(0).metric("y") == 2);
    CHECK(study.trial(0).cost == 3.5);
    CHECK(study.trial(0).duration_seconds() == 14);
    check_error<InvalidState>([&] { (void)tuner.go_on_with(0); }, {"trial 0", "completed, not paused"});
}

TEST_CASE("dropping a trial that was told to pause pauses it; its own choice does too") {
    Tuner tuner{test::plane(), minimize("y"), GoesOn{}, can_pause};
    {
        auto trial = tuner.ask();
        CHECK(trial->report(2, 1) == Decision::pause);
    }
    CHECK(tuner.study().trial(0).state == TrialState::paused);
    auto own = tuner.ask();
    own->pause();
    CHECK(tuner.study().trial(1).state == TrialState::paused);
    CHECK(tuner.study().trial(1).reason == "by its own choice");

    Tuner cannot{test::plane(), minimize("y")};
    auto trial = cannot.ask();
    check_error<InvalidState>([&] { trial->pause(); }, {"trial 0", "cannot be paused", "resumable"});
    check_error<InvalidOption>(
        [] {
            Tuner{test::plane(), minimize("y"), GoesOn{}};
        },
        {"strategy goes_on", "resumable"});
}

TEST_CASE("a paused trial that a changed space does not contain is stopped, with its reports as evidence") {
    SearchSpace wide, narrow;
    (void)wide.continuous("x", 0, 1);
    (void)narrow.continuous("x", 5, 6);
    Tuner tuner{wide, minimize("y"), GoesOn{}, can_pause};
    for (int i = 0; i < 3; ++i) {
        auto trial = tuner.ask();
        (void)trial->report(2, i);
        trial->tell(Metrics{});
    }
    tuner.change_space(narrow);
    check_error<InvalidState>([&] { (void)tuner.go_on_with(0); }, {"trial 0", "space"});
    auto next = tuner.ask();
    REQUIRE(next);
    CHECK(next->number() == 3);
    const Study study = tuner.study();
    CHECK(study.count(TrialState::stopped) == 3);
    CHECK(study.trial(0).metric("y") == 0);
}

TEST_CASE("the quota of checkpoints: ended ones go first, then what is least worth, never the best's") {
    test::StudyScript script(test::plane(), minimize("y"));
    const auto add = [&](double value, TrialState state, double step, double seconds) {
        const auto number = static_cast<std::int64_t>(script.study.trials().size());
        event::Suggested suggested;
        suggested.trial = number;
        suggested.configuration = {{"x", 0.1 * static_cast<double>(number)}, {"n", std::int64_t{1}}};
        script.apply(suggested, 0);
        for (double s = 1; s <= step; ++s) script.report(number, s, value, seconds);
        if (state != TrialState::running)
            script.apply(event::Finished{number, state, {}, {}, "", {}, {}, {}}, seconds);
    };
    add(1, TrialState::paused, 4, 4);       // 0: the best
    add(5, TrialState::completed, 4, 4);    // 1: ended
    add(3, TrialState::paused, 4, 40);      // 2: dear to build again
    add(4, TrialState::paused, 4, 4);       // 3
    add(2, TrialState::paused, 4, 4);       // 4: likelier to be promoted than 3
    add(9, TrialState::running, 4, 4);      // 5
    add(4.5, TrialState::completed, 4, 4);  // 6: the best that ended
    script.report(4, 2, 100, 5);            // late news of an earlier step
    const std::map<std::int64_t, std::uint64_t> bytes{{0, 10}, {1, 10}, {2, 10}, {3, 10},
                                                      {4, 10}, {5, 10}, {6, 10}};
    CHECK(choose_evictions(script.study, bytes, 70).empty());
    CHECK(choose_evictions(script.study, bytes, 69) == std::vector<std::int64_t>{1});
    CHECK(choose_evictions(script.study, bytes, 50) == std::vector<std::int64_t>{1, 3});
    CHECK(choose_evictions(script.study, bytes, 40) == std::vector<std::int64_t>{1, 3, 4});
    CHECK(choose_evictions(script.study, bytes, 0) == std::vector<std::int64_t>{1, 3, 4, 2});
}

TEST_CASE("a checkpoint that was evicted is gone from the disk, and its trial begins anew") {
    const test::TemporaryFolder folder;
    TunerOptions options{.resumable = true};
    options.checkpoint_folder = folder.path() / "checkpoints";
    options.checkpoint_quota_bytes = 250;
    Tuner tuner{test::plane(), minimize("y"), GoesOn{}, options};
    const auto write = [](const Trial& trial) {
        std::filesystem::create_directories(*trial.checkpoint());
        std::ofstream(*trial.checkpoint() / "weights") << std::string(100, 'w');
    };
    for (int i = 0; i < 3; ++i) {
        auto trial = tuner.ask();
        REQUIRE(trial);
        write(*trial);
        CHECK(trial->report(2, 3 - i) == Decision::pause);
    }
    const Study study = tuner.study();
    int evicted = 0;
    for (const TrialRecord& trial : study.trials()) {
        const bool gone = trial.attributes.contains("checkpoint_evicted");
        CHECK(std::filesystem::exists(trial.checkpoint()) == !gone);
        evicted += gone ? 1 : 0;
    }
    CHECK(evicted == 1);
    CHECK(!study.trial(2).attributes.contains("checkpoint_evicted"));  // the best
    const std::int64_t victim = study.trial(0).attributes.contains("checkpoint_evicted") ? 0 : 1;
    Trial again = tuner.go_on_with(victim);
    CHECK(tuner.study().trial(victim).reports.empty());
    CHECK(!tuner.study().trial(victim).attributes.contains("checkpoint_evicted"));
}
