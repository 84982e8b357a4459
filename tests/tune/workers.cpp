#include <memory>
#include <set>

#include "attune/tune/replay.hpp"
#include "support/errors.hpp"
#include "tune/support.hpp"

using namespace attune;
using attune::test::check_error;

// Several workers on one study, by a simulated clock: heartbeats, takeovers, and what comes too late.

namespace {

struct Clock {
    std::shared_ptr<double> now = std::make_shared<double>(1000);
    double operator()() const { return *now; }
    void pass(double seconds) const { *now += seconds; }
};

struct Workers {
    Clock clock;
    Memory memory;
    std::unique_ptr<Tuner> make(const char* name = "") {
        return std::make_unique<Tuner>(
            test::plane(), minimize("y"), memory,
            TunerOptions{.seed = 5, .clock = clock, .heartbeat_seconds = 10, .worker_name = name});
    }
    Study stored() {
        Study study;
        for (const Event& event : memory.read(0)) study.apply(event);
        return study;
    }
};

}  // namespace

TEST_CASE("a worker that gives no heartbeat loses its trial within two periods, to one that asks") {
    Workers at;
    auto silent = at.make(), other = at.make();
    auto trial = silent->ask();
    REQUIRE(trial);
    const std::string values = trial->configuration().text();
    auto own = other->ask();
    REQUIRE(own);
    CHECK(own->number() == 1);
    for (int seconds = 0; seconds < 14; ++seconds) {
        at.clock.pass(1);
        auto next = other->ask();
        REQUIRE(next);
        CHECK(next->number() == 2 + seconds);
        next->tell(1);
    }
    at.clock.pass(5);
    auto taken = other->ask();
    REQUIRE(taken);
    CHECK(taken->number() == 0);
    CHECK(taken->resumed());
    CHECK(taken->configuration().text() == values);
    CHECK(at.stored().trial(0).worker == at.stored().trial(1).worker);
    CHECK(at.stored().trial(0).claim == 1);
}

TEST_CASE("a worker that gives heartbeats keeps its trial however long that takes") {
    Workers at;
    auto slow = at.make(), other = at.make();
    auto trial = slow->ask();
    REQUIRE(trial);
    for (int beat = 0; beat < 30; ++beat) {
        at.clock.pass(9);
        beat % 2 == 0 ? slow->heartbeat() : static_cast<void>(trial->report(beat, 1));
        auto next = other->ask();
        REQUIRE(next);
        CHECK(next->number() == beat + 1);
        next->tell(1);
    }
    trial->tell(2);
    CHECK(at.stored().trial(0).metric("y") == 2);
    CHECK(at.stored().trial(0).reports.size() == 15);
}

TEST_CASE("heartbeats add no event") {
    Workers at;
    auto tuner = at.make("first worker");
    auto trial = tuner->ask();
    const auto before = at.memory.read(0).size();
    for (int beat = 0; beat < 50; ++beat) {
        at.clock.pass(10);
        tuner->heartbeat();
    }
    CHECK(at.memory.read(0).size() == before);
    const auto rows = at.memory.workers()->rows();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].beats == 50);
    CHECK(rows[0].name == "first worker");
    CHECK(rows[0].latest_seconds == 1500);
}

TEST_CASE("what a worker says of a trial that it lost is kept as evidence and counts nowhere") {
    Workers at;
    auto lost = at.make(), other = at.make();
    auto a = lost->ask(), b = lost->ask(), c = lost->ask();
    REQUIRE(c);
    (void)a->report(1, 4);
    (void)other->ask()->number();  // sees the first for the first time
    at.clock.pass(16);
    auto a2 = other->ask(), b2 = other->ask(), c2 = other->ask();
    REQUIRE(c2);
    CHECK(a2->number() == 0);
    CHECK(b2->number() == 1);
    CHECK(c2->number() == 2);
    CHECK(a->report(2, 1) == Decision::stop);
    a->tell(-100);  // before the other's result
    CHECK(at.stored().trial(0).state == TrialState::running);
    CHECK(at.stored().trial(0).reports.empty());
    a2->tell(3);
    b2->tell(4);
    b->fail("out of luck");  // and behind it
    { const Trial dropped = std::move(*c); }
    CHECK(at.stored().trial(2).state == TrialState::running);
    c2->tell(5);
    const Study study = at.stored();
    CHECK(study.trial(0).metric("y") == 3);
    REQUIRE(study.trial(0).late.size() == 1);
    CHECK(study.trial(0).late[0].metrics.at("y") == -100);
    CHECK(study.trial(1).state == TrialState::completed);
    REQUIRE(study.trial(1).late.size() == 1);
    CHECK(study.trial(1).late[0].state == TrialState::failed);
    CHECK(study.trial(1).late[0].reason == "out of luck");
    CHECK(study.trial(2).late.empty());
    CHECK(study.best()->number == 0);
}

TEST_CASE("a worker that was only slow may end its trial while nobody has gone on with it") {
    Workers at;
    auto slow = at.make(), other = at.make();
    auto trial = slow->ask();
    auto own = other->ask();
    at.clock.pass(16);
    auto spectator = at.make();
    (void)spectator->ask();
    // Opened later, it has not seen the worker silent for long enough: the trial stays.
    CHECK(at.stored().trial(0).state == TrialState::running);
    trial->tell(1);
    CHECK(at.stored().trial(0).metric("y") == 1);
    CHECK(at.stored().trial(0).late.empty());
}

TEST_CASE("a tuner that ends leaves, and its trials are free at once") {
    Workers at;
    auto other = at.make();
    {
        auto brief = at.make();
        auto trial = brief->ask();
        CHECK(at.memory.workers()->rows().size() == 1);
    }
    CHECK(at.memory.workers()->rows().empty());
    CHECK(at.stored().trial(0).state == TrialState::interrupted);
    CHECK(other->ask()->number() == 0);
}

TEST_CASE("a worker that was buried while it lives comes back under its number") {
    Workers at;
    auto tuner = at.make();
    auto first = tuner->ask();
    at.memory.workers()->remove(1);
    at.clock.pass(6);
    auto second = tuner->ask();
    REQUIRE(second);
    CHECK(at.stored().trial(0).worker == 1);
    CHECK(at.stored().trial(1).worker == 1);
    CHECK(at.memory.workers()->rows().size() == 1);
    first->tell(1);
    second->tell(2);
    CHECK(at.stored().count(TrialState::completed) == 2);
}

TEST_CASE("four workers that come and go at random: every suggestion replays from its recorded view") {
    Workers at;
    std::uint64_t random = 9;
    const auto draw = [&](std::uint64_t below) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        return (random >> 33) % below;
    };
    struct Seat {
        std::unique_ptr<Tuner> tuner;
        std::unique_ptr<Trial> trial;
    };
    std::vector<Seat> seats(4);
    std::vector<Seat> gone;  // killed: they say nothing any more
    while (at.stored().is_created() == false || at.stored().count(TrialState::completed) < 40) {
        Seat& seat = seats[draw(4)];
        at.clock.pass(1);
        if (!seat.tuner) {
            seat.tuner = at.make();
        } else if (draw(8) == 0) {
            gone.push_back(std::exchange(seat, {}));
            at.clock.pass(static_cast<double>(draw(20)));
        } else if (!seat.trial) {
            if (auto asked = seat.tuner->ask()) seat.trial = std::make_unique<Trial>(*std::move(asked));
        } else if (draw(2) == 0) {
            (void)seat.trial->report(1, 5);
        } else {
            seat.trial->tell(test::cost_of(*seat.trial));
            seat.trial.reset();
        }
        for (Seat& other : seats)
            if (other.tuner) other.tuner->heartbeat();
    }
    const auto events = at.memory.read(0);
    const Replay again = replay(events, RandomSearch{});
    CHECK(again.asked_again >= 40);
    CHECK(again.differences.empty());
    int resumed = 0;
    const Study study = at.stored();
    for (const TrialRecord& trial : study.trials()) resumed += trial.claim > 0;
    CHECK(resumed > 0);
}

TEST_CASE("a period that is none is refused") {
    check_error<InvalidOption>(
        [] {
            Tuner{test::plane(), minimize("y"), TunerOptions{.heartbeat_seconds = 0}};
        },
        {"heartbeat_seconds (0) must be above 0"});
}

namespace {

/// Memory that can be out of order for a while.
struct Failing {
    Memory memory;
    std::shared_ptr<bool> fails = std::make_shared<bool>(false);
    bool append(std::span<const Event> events, std::uint64_t expected) {
        if (*fails) throw StorageError("failing: no space");
        return memory.append(events, expected);
    }
    std::vector<Event> read(std::uint64_t from) { return memory.read(from); }
    std::shared_ptr<WorkerTable> workers() { return memory.workers(); }
};

}  // namespace

TEST_CASE("a trial that could neither be told nor given back is gone on with when the storage works again") {
    Failing storage;
    const auto fails = storage.fails;
    Tuner tuner{test::plane(), minimize("y"), storage};
    {
        auto trial = tuner.ask();
        REQUIRE(trial);
        *fails = true;
        CHECK_THROWS_AS(trial->tell(1), StorageError);
    }
    CHECK_THROWS_AS((void)tuner.ask(), StorageError);
    *fails = false;
    auto again = tuner.ask();
    REQUIRE(again);
    CHECK(again->number() == 0);
    CHECK(again->resumed());
    again->tell(1);
    auto next = tuner.ask();
    REQUIRE(next);
    CHECK(next->number() == 1);
}
