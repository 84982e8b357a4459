#include <atomic>
#include <set>
#include <thread>

#include "support/errors.hpp"
#include "tune/support.hpp"

using namespace attune;
using attune::test::check_error;

// A study outlives its tuner: opened again it goes on, and several tuners may share it.

TEST_CASE("a storage that holds another study is refused, with what differs") {
    const Memory memory;
    { const Tuner first{test::plane(), minimize("y"), memory, TunerOptions{.name = "first"}}; }
    SearchSpace other;
    (void)other.continuous("x", -2, 1);
    (void)other.integer("m", 1, 5);
    check_error<InvalidState>(
        [&] {
            Tuner{other, minimize("y"), memory};
        },
        {"memory", "'first'", "parameter x: continuous [-1, 1], linear -> continuous [-2, 1], linear",
         "parameter n: integer [1, 5], linear -> not there",
         "parameter m: not there -> integer [1, 5], linear", "change_space"});
    check_error<InvalidState>([&] { Tuner{test::plane(), maximize("y"), memory}; }, {"objectives"});
    check_error<InvalidState>([&] { Tuner{test::plane(), minimize("z"), memory}; }, {"objectives"});
    CHECK(memory.read(0).size() == 1);
    CHECK_NOTHROW(Tuner{test::plane(), minimize("y"), memory});
}

TEST_CASE("a resumed run asks exactly what the uninterrupted one asks") {
    const auto resumed = [](const auto& strategy, int pause_after, int trials) {
        const Memory memory;
        const auto make = [&] {
            return std::make_unique<Tuner>(test::plane(), minimize("y"), strategy, memory,
                                           TunerOptions{.seed = 11});
        };
        if (pause_after > 0) (void)make()->run({.max_trials = pause_after}, test::cost_of);
        if (pause_after > 0) {  // killed in the middle of a trial: nothing is told any more
            auto tuner = make();
            auto trial = tuner->ask();
            REQUIRE(trial);
        }
        const Outcome outcome = make()->run({.max_trials = trials}, test::cost_of);
        test::check_whole(outcome.study(), static_cast<std::size_t>(trials));
        return test::configurations(outcome.study());
    };
    const Grid grid{{.levels = 3}};
    for (const int pause : {1, 4, 9}) {
        CHECK(resumed(RandomSearch{}, pause, 12) == resumed(RandomSearch{}, 0, 12));
        CHECK(resumed(grid, pause, 12) == resumed(grid, 0, 12));
    }
}

TEST_CASE("the stored seed goes on, not the one of the tuner that opens the study again") {
    const Memory memory;
    { const Tuner first{test::plane(), minimize("y"), memory, TunerOptions{.seed = 1}}; }
    const Tuner second{test::plane(), minimize("y"), memory, TunerOptions{.seed = 2}};
    CHECK(second.study().seed() == 1);
}

TEST_CASE("opening a study leaves the trials of a live worker alone, and interrupts those of one that left") {
    const Memory memory;
    auto first = std::make_unique<Tuner>(test::plane(), minimize("y"), memory);
    auto a = first->ask(), b = first->ask();
    a->tell(1);
    {
        Tuner second{test::plane(), minimize("y"), memory};
        CHECK(second.study().trial(0).state == TrialState::completed);
        CHECK(second.study().trial(1).state == TrialState::running);
        const auto other = second.ask();
        REQUIRE(other);
        CHECK(other->number() == 2);
    }
    // A worker that goes without a word, as a process that is killed does.
    memory.workers()->remove(memory.workers()->rows().front().number);
    Tuner third{test::plane(), minimize("y"), memory};
    CHECK(third.study().trial(1).state == TrialState::interrupted);
    const auto again = third.ask();
    REQUIRE(again);
    CHECK(again->number() == 1);
    CHECK(again->resumed());
}

TEST_CASE("running trials of programs that told no worker are interrupted when the study is opened") {
    Memory memory;
    { Tuner tuner{test::plane(), minimize("y"), memory}; }
    event::Suggested suggested;
    suggested.configuration = {{"x", 0.5}, {"n", std::int64_t{2}}};
    suggested.view = 1;
    CHECK(memory.append(std::vector<Event>{{1, suggested}}, 1));
    Tuner tuner{test::plane(), minimize("y"), memory};
    CHECK(tuner.study().trial(0).state == TrialState::interrupted);
}

TEST_CASE("a finished study run again to the same total runs nothing, to a larger one the rest") {
    const Memory memory;
    Tuner tuner{test::plane(), minimize("y"), memory};
    (void)tuner.run({.max_trials = 5}, test::cost_of);
    CHECK(tuner.run({.max_trials = 5}, test::cost_of).study().trials().size() == 5);
    CHECK(tuner.run({.max_trials = 8}, test::cost_of).study().trials().size() == 8);
}

TEST_CASE("two tuners on one study: no event is lost, no number used twice, no trial too many") {
    const Memory memory;
    Tuner one{test::plane(), minimize("y"), memory, Threads{2}},
        two{test::plane(), minimize("y"), memory, Threads{2}};
    std::atomic<int> calls{0};
    const auto objective = [&](Trial& trial) {
        ++calls;
        (void)trial.report(1, 2);
        return test::cost_of(trial);
    };
    {
        const std::jthread other([&] { (void)one.run({.max_trials = 60}, objective); });
        (void)two.run({.max_trials = 60}, objective);
    }
    Study study;
    for (const Event& event : memory.read(0)) study.apply(event);
    test::check_whole(study, 60);
    CHECK(calls == 60);
    CHECK(study.count(TrialState::completed) == 60);
    for (const TrialRecord& trial : study.trials()) CHECK(trial.reports.size() == 1);
    std::set<std::string> different;
    for (const std::string& text : test::configurations(study)) different.insert(text);
    CHECK(different.size() == 60);
}

TEST_CASE("asking sees what another tuner did meanwhile") {
    const Memory memory;
    Tuner one{test::small(), minimize("y"), memory}, two{test::small(), minimize("y"), memory};
    std::set<std::string> seen;
    for (int i = 0; i < 3; ++i)
        for (Tuner* tuner : {&one, &two}) {
            auto trial = tuner->ask();
            REQUIRE(trial);
            CHECK(seen.insert(trial->configuration().text()).second);
            CHECK(tuner->study().trial(trial->number()).attempt == 0);  // no conflict: it looked first
            trial->tell(1);
        }
    CHECK(!one.ask());
    CHECK(!two.ask());
}

TEST_CASE("a trial that another tuner ended first keeps that end, and the run goes on") {
    const Memory memory;
    Tuner one{test::plane(), minimize("y"), memory};
    const Outcome outcome = one.run({.max_trials = 3}, [&](Trial& trial) {
        if (trial.number() == 1) {  // taken for dead and run by somebody else
            memory.workers()->remove(memory.workers()->rows().front().number);
            Tuner two{test::plane(), minimize("y"), memory};
            auto taken = two.ask();
            REQUIRE(taken);
            CHECK(taken->number() == 1);
            taken->tell(5);
            CHECK(trial.report(1, 9) == Decision::stop);
        }
        return 7.0;
    });
    test::check_whole(outcome.study(), 3);
    CHECK(outcome.study().trial(1).metric("y") == 5);
    REQUIRE(outcome.study().trial(1).late.size() == 1);
    CHECK(outcome.study().trial(1).late[0].metrics.at("y") == 7);
    CHECK(outcome.study().trial(0).metric("y") == 7);
    CHECK(outcome.study().trial(2).metric("y") == 7);
}

TEST_CASE("an outcome outlives its tuner, memory outlives it as long as a copy is kept") {
    Memory memory;
    const Outcome outcome = [&] {
        Tuner tuner{test::plane(), minimize("y"), memory};
        return tuner.run({.max_trials = 3}, test::cost_of);
    }();
    CHECK(outcome.study().trials().size() == 3);
    CHECK(memory.read(0).size() == outcome.study().position());
}

TEST_CASE("a trial that is gone on with has its checkpoint and the reports up to it") {
    const Memory memory;
    const auto folder = std::filesystem::temp_directory_path() / "attune checkpoints";
    std::filesystem::path place;
    {
        Tuner first{test::plane(), minimize("y"), memory, TunerOptions{.checkpoint_folder = folder / "."}};
        auto trial = first.ask();
        REQUIRE(trial);
        REQUIRE(trial->checkpoint());
        place = *trial->checkpoint();
        CHECK(place == folder / "trial-0");
        for (const double step : {1, 2, 3}) trial->report(step, step);
    }
    Tuner second{test::plane(), minimize("y"), memory};  // set up otherwise: the study knows the place
    auto trial = second.ask();
    REQUIRE(trial);
    CHECK(trial->resumed());
    CHECK(trial->checkpoint() == place);
    const auto steps = [&] {
        std::vector<double> out;
        const Study study = second.study();
        for (const Report& report : study.trial(0).reports) out.push_back(report.step);
        return out;
    };
    CHECK(steps() == std::vector<double>{1, 2, 3});
    trial->report(2, 20);  // its checkpoint was of step 1
    CHECK(steps() == std::vector<double>{1, 2});
    trial->report(3, 30);
    CHECK(steps() == std::vector<double>{1, 2, 3});
    trial->tell(0.5);
    auto next = second.ask();
    REQUIRE(next);
    CHECK_FALSE(next->checkpoint());
    next->set_checkpoint("own.ckpt");
    CHECK(next->checkpoint() == std::filesystem::current_path() / "own.ckpt");
}

TEST_CASE("a trial without a checkpoint begins anew when it is gone on with") {
    const Memory memory;
    {
        Tuner first{test::plane(), minimize("y"), memory};
        auto trial = first.ask();
        REQUIRE(trial);
        trial->report(1, 1.0);
    }
    Tuner second{test::plane(), minimize("y"), memory};
    auto trial = second.ask();
    REQUIRE(trial);
    CHECK(second.study().trial(0).reports.empty());
}
