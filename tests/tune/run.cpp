#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <functional>
#include <new>
#include <stdexcept>
#include <thread>

#include "support/errors.hpp"
#include "support/executor_contract.hpp"
#include "tune/support.hpp"

using namespace attune;
using namespace std::chrono_literals;
using attune::test::check_error;

TEST_CASE("objectives return a number, metrics or nothing") {
    {
        Tuner tuner{test::plane(), minimize("y")};
        const Outcome outcome =
            tuner.run({.max_trials = 5}, [](Trial& trial) { return test::cost_of(trial); });
        test::check_whole(outcome.study(), 5);
        CHECK(outcome.reason() == "5 trials were run");
        CHECK(outcome.study().end_reason() == outcome.reason());
        double least = 9;
        for (const TrialRecord& t : outcome.study().trials()) least = std::min(least, t.metric("y"));
        CHECK(outcome.best_value() == least);
    }
    {
        Tuner tuner{test::plane(), minimize("y")};
        const Outcome outcome = tuner.run({.max_trials = 2}, [](Trial&) {
            return Metrics{{"y", 1}, {"size", 3}};
        });
        CHECK(outcome.best().metrics == Metrics{{"y", 1}, {"size", 3}});
    }
    {
        Tuner tuner{test::plane(), maximize("y")};
        const Outcome outcome = tuner.run({.max_trials = 2}, [](Trial& trial) {
            for (int step = 1; step <= 3; ++step) (void)trial.report(step, step == 2 ? 5 : 1);
        });
        CHECK(outcome.best_value() == 5);
    }
    {
        Tuner tuner{test::plane(), minimize("y")};
        const Outcome outcome = tuner.run({.max_trials = 2}, [](Trial& trial) {
            trial.tell({{"y", 4}}, 2.5);
        });
        CHECK(outcome.best().cost == 2.5);
    }
    {
        Tuner tuner{test::plane(), minimize("y")};
        const Outcome outcome = tuner.run({.max_trials = 2}, [](Trial& trial) {
            trial.set_cost(7);
            return 1.0;
        });
        CHECK(outcome.best().cost == 7);
    }
}

TEST_CASE("threads: every trial is told, numbers are dense, and no more than asked for are run") {
    Tuner tuner{test::plane(), minimize("y"), Threads{4}};
    test::Meeting meeting(4);
    std::atomic<int> calls{0}, met{0};
    const Outcome outcome = tuner.run({.max_trials = 50}, [&](Trial& trial) {
        if (++calls <= 4) met += meeting.wait();  // four at once
        (void)trial.report(1, 2);
        return test::cost_of(trial);
    });
    CHECK(met == 4);
    CHECK(calls == 50);
    test::check_whole(outcome.study(), 50);
    CHECK(outcome.study().count(TrialState::completed) == 50);
    const auto& threads = outcome.study().trials();
    for (const TrialRecord& trial : threads) CHECK(trial.view <= outcome.study().position());
}

TEST_CASE("threads: a spent space ends the run though trials are still under way") {
    Tuner tuner{test::small(), minimize("y"), Threads{4}};
    const Outcome outcome = tuner.run(Limits{}, [](Trial& trial) { return test::cost_of(trial); });
    test::check_whole(outcome.study(), 6);
    CHECK(outcome.reason() == "nothing is left to ask: the space is spent");
}

TEST_CASE("what an objective throws fails its trial, with the reason and whose fault it was") {
    Tuner tuner{test::plane(), minimize("y"), TunerOptions{.clock = test::Ticking{}}};
    const Outcome outcome = tuner.run({.max_trials = 8}, [](Trial& trial) -> double {
        switch (trial.number()) {
            case 0:
                throw std::runtime_error("diverged");
            case 1:
                throw TrialFailure(FailureKind::configuration, "too large");
            case 2:
                throw TrialFailure(FailureKind::environment, "disk gone");
            case 3:
                throw std::bad_alloc();
            case 4:
                throw 42;
            case 5:
                return std::nan("");
            case 6:
                (void)trial.report(1, std::nan(""));
                return 3;
            default:
                return 1;
        }
    });
    const auto& trials = outcome.study().trials();
    REQUIRE(trials.size() == 9);  // the failure of the environment does not count
    const char* const reasons[] = {"diverged",
                                   "too large",
                                   "disk gone",
                                   "out of memory",
                                   "an exception of unknown type",
                                   "the objective y is NaN"};
    for (std::size_t i = 0; i < 6; ++i) {
        CHECK(trials[i].state == TrialState::failed);
        CHECK(trials[i].reason == reasons[i]);
        CHECK(trials[i].failure == (i == 2 ? FailureKind::environment : FailureKind::configuration));
    }
    CHECK(trials[6].state == TrialState::completed);
    CHECK(outcome.best_value() == 1);
}

TEST_CASE("an exception after the trial was told changes nothing") {
    Tuner tuner{test::plane(), minimize("y")};
    const Outcome outcome = tuner.run({.max_trials = 1}, [](Trial& trial) {
        trial.tell(1);
        throw std::runtime_error("afterwards");
    });
    CHECK(outcome.best().state == TrialState::completed);
}

TEST_CASE("twenty failures in a row end the run, fewer do not") {
    Tuner tuner{test::plane(), minimize("y"), TunerOptions{.clock = test::Ticking{}}};
    const Outcome outcome = tuner.run({.max_trials = 100}, [](Trial& trial) -> double {
        if (trial.number() == 15) return 1;
        throw std::runtime_error("no such file");
    });
    CHECK(outcome.study().trials().size() == 36);
    CHECK(outcome.reason() == "20 trials failed in a row, the last one because: no such file");
    check_error<InvalidState>(
        [] {
            Tuner all{test::plane(), minimize("y")};
            (void)all
                .run({.max_failures_in_a_row = 3}, [](Trial&) -> double { throw std::runtime_error("x"); })
                .best();
        },
        {"none of its 3 trials", "y"});
}

TEST_CASE("a stop decision in the loop: the trial is stopped, also where it returns a value") {
    for (const bool returns : {false, true}) {
        Tuner tuner{test::plane(), minimize("y"), MedianRule{{.minimum_trials = 1}}};
        const Outcome outcome = tuner.run({.max_trials = 2}, [&](Trial& trial) -> Metrics {
            for (int step = 1; step <= 3; ++step)
                if (trial.report(step, trial.number() == 0 ? 1 : 2) == Decision::stop) break;
            return returns ? Metrics{{"y", 2.5}} : Metrics{};
        });
        const TrialRecord& stopped = outcome.study().trial(1);
        CHECK(stopped.state == TrialState::stopped);
        CHECK(stopped.reports.size() == 1);
        CHECK(stopped.metric("y") == (returns ? 2.5 : 2));
        CHECK(stopped.reason.find("median") != std::string::npos);
    }
}

TEST_CASE("a cancelled run interrupts its trials; the next run goes on with them") {
    for (const int how : {0, 1, 2, 3}) {
        const Memory memory;
        Tuner tuner{test::plane(), minimize("y"), memory};
        std::stop_source stop;
        const Outcome cancelled = tuner.run(
            {.max_trials = 6},
            [&](Trial& trial) -> Metrics {
                if (trial.number() != 3) return {{"y", 1}};
                stop.request_stop();
                if (how == 0 && trial.report(1, 9) == Decision::stop)
                    return {{"y", 99}};                                      // told by the report
                if (how == 1 && trial.stop_requested()) return {{"y", 99}};  // looked by itself
                if (how == 2) throw std::runtime_error("cut off");
                return {{"y", 5}};  // did not notice and finished
            },
            stop.get_token());
        CHECK(cancelled.reason() == "it was cancelled");
        const TrialRecord& cut = cancelled.study().trial(3);
        CHECK(cancelled.study().trials().size() == 4);
        CHECK(cut.state == (how == 3 ? TrialState::completed : TrialState::interrupted));
        CHECK(cut.reason.empty());
        int resumed = 0;
        const Outcome whole = tuner.run({.max_trials = 6}, [&](Trial& trial) {
            resumed += trial.resumed();
            return 2.0;
        });
        CHECK(resumed == (how == 3 ? 0 : 1));
        test::check_whole(whole.study(), 6);
        CHECK(whole.study().trial(3).metric("y") == (how == 3 ? 5 : 2));
    }
}

TEST_CASE("a run that is cancelled from the beginning runs nothing") {
    Tuner tuner{test::plane(), minimize("y")};
    std::stop_source stop;
    stop.request_stop();
    const Outcome outcome = tuner.run(
        {.max_trials = 3}, [](Trial&) { return 1.0; }, stop.get_token());
    CHECK(outcome.study().trials().empty());
    CHECK(outcome.reason() == "it was cancelled");
}

TEST_CASE("the time limit ends the run and stops the trial that runs into it, by the study's clock") {
    const auto now = std::make_shared<double>(0);
    Tuner tuner{test::plane(), minimize("y"), TunerOptions{.clock = [now] { return *now; }}};
    const Outcome outcome = tuner.run({.max_duration = 100s}, [&](Trial& trial) {
        for (int step = 1; step <= 4; ++step) {
            *now += 15;
            if (trial.report(step, 1) == Decision::stop) break;
        }
    });
    CHECK(outcome.reason() == "the time limit of 100 s was reached");
    REQUIRE(outcome.study().trials().size() == 2);
    CHECK(outcome.study().trial(0).state == TrialState::completed);
    CHECK(outcome.study().trial(1).state == TrialState::stopped);
    CHECK(outcome.study().trial(1).reports.size() == 3);  // at 105 seconds
    CHECK(outcome.study().trial(1).reason == "the time limit of the run was reached");
    const Outcome more = tuner.run({.max_duration = 100s}, [&](Trial&) {
        *now += 60;
        return 1.0;
    });
    CHECK(more.study().trials().size() == 4);  // the time of the new run
}

TEST_CASE("a trial that is cut off since time is up has not failed, and a later run goes on with it") {
    Tuner tuner{test::plane(), minimize("y")};
    const auto cut_off = [](Trial& trial) {
        while (!trial.stop_token().stop_requested()) std::this_thread::yield();
        throw TrialFailure(FailureKind::environment, "cut off");
    };
    const Outcome outcome = tuner.run({.max_duration = 10ms}, cut_off);
    REQUIRE(outcome.study().trials().size() == 1);
    CHECK(outcome.study().trial(0).state == TrialState::interrupted);
    const Outcome more = tuner.run({.max_trials = 1}, [](Trial&) { return 1.0; });
    REQUIRE(more.study().trials().size() == 1);
    CHECK(more.study().trial(0).state == TrialState::completed);
    // The configuration's own fault stays one.
    const Outcome bad = tuner.run({.max_duration = 10ms}, [](Trial& trial) {
        while (!trial.stop_token().stop_requested()) std::this_thread::yield();
        throw TrialFailure(FailureKind::configuration, "diverged");
    });
    CHECK(bad.study().trial(1).state == TrialState::failed);
}

TEST_CASE("limits of the user's own end runs too") {
    Tuner tuner{test::plane(), minimize("y")};
    const Outcome outcome = tuner.run(max_trials(9) && target(100), [](Trial&) { return 1.0; });
    CHECK(outcome.study().trials().size() == 9);
    CHECK(tuner.run(target(100), [](Trial&) { return 1.0; }).study().trials().size() == 9);
}

TEST_CASE("groups: a span of trials at once, each with its own end, recorded as a group") {
    Tuner tuner{test::plane(), minimize("y"), TunerOptions{.group_size = 4}};
    std::vector<std::size_t> sizes;
    const Outcome outcome = tuner.run({.max_trials = 10}, [&](std::span<Trial> trials) {
        sizes.push_back(trials.size());
        for (Trial& trial : trials) {
            if (trial.number() % 4 == 0) trial.tell(static_cast<double>(trial.number()));
            if (trial.number() % 4 == 1) trial.fail("odd one");
            if (trial.number() % 4 == 2) (void)trial.report(1, 3);
            if (trial.number() == 7) throw std::runtime_error("in the middle");
        }
    });
    CHECK(sizes == std::vector<std::size_t>{4, 4, 2});
    test::check_whole(outcome.study(), 10);
    for (const TrialRecord& trial : outcome.study().trials()) CHECK(trial.group == trial.number / 4 * 4);
    CHECK(outcome.study().trial(0).metric("y") == 0);
    CHECK(outcome.study().trial(1).reason == "odd one");
    CHECK(outcome.study().trial(2).metric("y") == 3);
    CHECK(outcome.study().trial(3).reason == "the objective y was neither told nor reported");
    CHECK(outcome.study().trial(4).state == TrialState::completed);  // was told before the exception
    CHECK(outcome.study().trial(6).reason == "in the middle");
    CHECK(outcome.study().trial(7).reason == "in the middle");
}

TEST_CASE("a run within a run is refused, asking and telling from within is not") {
    Tuner tuner{test::plane(), minimize("y"), TunerOptions{.clock = test::Ticking{}}};
    const Outcome outcome = tuner.run({.max_trials = 2}, [&](Trial& trial) {
        if (trial.number() == 0) tuner.ask()->tell(7);
        if (trial.number() == 2) return 9.0;
        (void)tuner.run({.max_trials = 1}, [](Trial&) { return 1.0; });
        return 0.0;
    });
    CHECK(outcome.study().trials().size() == 2);
    CHECK(outcome.study().trial(0).reason.find("while a run is under way") != std::string::npos);
    CHECK(outcome.study().trial(1).metric("y") == 7);
}

TEST_CASE("observers see every event once, in order, in the study already") {
    std::vector<std::string> first;
    std::uint64_t position = 0;
    bool in_order = true;
    const Observer look{[&](const Study& study, const Event& event) {
        in_order = in_order && study.position() == ++position;
        first.push_back(std::to_string(event.body.index()));
    }};
    int second = 0;
    Memory memory;
    Tuner tuner{test::plane(), minimize("y"), memory,
                Threads{3},    look,          Observer{[&](const Study&, const Event&) { ++second; }}};
    (void)tuner.run({.max_trials = 20}, [](Trial& trial) {
        (void)trial.report(1, 1);
        return 1.0;
    });
    CHECK(in_order);
    std::vector<std::string> stored;
    for (const Event& event : memory.read(0)) stored.push_back(std::to_string(event.body.index()));
    CHECK(first == stored);
    CHECK(second == static_cast<int>(stored.size()));
    CHECK(stored.size() == 1 + 3 * 20 + 1);
}

TEST_CASE("a storage that fails ends the run with its error, and no trial is said to have failed") {
    struct Failing {
        Memory memory;
        std::shared_ptr<int> left;
        bool append(std::span<const Event> events, std::uint64_t expected) {
            if (--*left < 0) throw StorageError("disk: is full");
            return memory.append(events, expected);
        }
        [[nodiscard]] std::vector<Event> read(std::uint64_t from) const { return memory.read(from); }
    };
    for (const int slots : {1, 3}) {
        const Memory memory;
        Tuner tuner{test::plane(), minimize("y"), Failing{memory, std::make_shared<int>(12)}, Threads{slots}};
        check_error<StorageError>([&] { (void)tuner.run({.max_trials = 50}, [](Trial&) { return 1.0; }); },
                                  {"disk", "full"});
        CHECK(tuner.study().count(TrialState::failed) == 0);
        CHECK(memory.read(0).size() == 12);
    }
}

TEST_CASE("after what no other trial could escape, a slot that asks before the executor knows gets nothing") {
    /// Goes on asking after an exception, as the other slots of Threads do until they see it.
    struct Insisting {
        void run(const std::function<bool()>& work) const {
            std::exception_ptr fault;
            try {
                while (work()) {
                }
            } catch (...) {
                fault = std::current_exception();
            }
            CHECK_FALSE(work());
            if (fault) std::rethrow_exception(fault);
        }
        [[nodiscard]] static int slots() { return 2; }
    };
    int calls = 0;
    const Memory memory;
    Tuner tuner{test::plane(), minimize("y"), memory, Insisting{}};
    CHECK_THROWS_AS((void)tuner.run({.max_trials = 9},
                                    [&](Trial&) -> double {
                                        ++calls;
                                        throw RunFailure("no licence server");
                                    }),
                    RunFailure);
    CHECK(calls == 1);
    CHECK(tuner.study().count(TrialState::interrupted) == 1);
    CHECK(tuner.study().end_reason() == "no licence server");
    CHECK(std::holds_alternative<event::Ended>(memory.read(0).back().body));
}

TEST_CASE("what no other trial could escape ends the run, and its trial is gone on with later") {
    for (const int slots : {1, 2}) {
        const Memory memory;
        Tuner tuner{test::plane(), minimize("y"), memory, Threads{slots}};
        std::atomic<int> calls{0};
        CHECK_THROWS_WITH_AS((void)tuner.run({.max_trials = 9},
                                             [&](Trial&) -> double {
                                                 ++calls;
                                                 throw RunFailure("no licence server");
                                             }),
                             "no licence server", RunFailure);
        CHECK(calls <= slots);
        CHECK(tuner.study().count(TrialState::failed) == 0);
        CHECK(tuner.study().count(TrialState::interrupted) == static_cast<std::size_t>(calls));
        CHECK(tuner.study().end_reason() == "no licence server");
        // The first failure ends the run; what other slots meet of it later is no second end.
        CHECK(std::ranges::count_if(memory.read(0), [](const Event& event) {
                  return std::holds_alternative<event::Ended>(event.body);
              }) == 1);
        CHECK(tuner.run({.max_trials = 3}, [](Trial&) { return 1.0; }).study().trials().size() == 3);
    }
}
