#include "attune/tune/replay.hpp"

#include <doctest/doctest.h>

#include "attune/core.hpp"

using namespace attune;

namespace {

std::vector<Event> events_of_a_run(int slots) {
    SearchSpace space;
    auto x = space.continuous("x", 0, 1);
    (void)space.integer("n", 1, 3);
    Memory memory;
    Tuner tuner{space, minimize("loss"), RandomSearch{}, Threads{slots}, memory, TunerOptions{.seed = 5}};
    tuner.enqueue({{"x", 0.25}, {"n", std::int64_t{2}}});
    (void)tuner.run({.max_trials = 8}, [&](Trial& trial) { return trial[x]; });
    { auto trial = tuner.ask({{"n", std::int64_t{3}}}); }
    return memory.read(0);
}

}  // namespace

TEST_CASE("a study replays, alone and with several workers") {
    for (const int slots : {1, 3}) {
        const Replay result = replay(events_of_a_run(slots), RandomSearch{});
        CHECK(result.asked_again == 8);
        CHECK(result.passed_over == 1);
        CHECK(result.differences.empty());
    }
}

TEST_CASE("what differs is named") {
    std::vector<Event> events = events_of_a_run(1);
    CHECK(replay(events, Grid{}).differences.size() == 8);
    for (Event& event : events)
        if (auto* suggested = std::get_if<event::Suggested>(&event.body);
            suggested != nullptr && suggested->trial == 3)
            suggested->configuration[0].second = 0.5;
    const Replay result = replay(events, RandomSearch{});
    REQUIRE(result.differences.size() == 1);
    CHECK(result.differences[0].trial == 3);
    CHECK(result.differences[0].recorded.text().find("x=0.5") != std::string::npos);
    CHECK(result.differences[0].replayed.has_value());
    CHECK_FALSE(result.differences[0].fit_differs);
}

TEST_CASE("a view that cannot have been is refused") {
    std::vector<Event> events = events_of_a_run(1);
    for (Event& event : events)
        if (auto* suggested = std::get_if<event::Suggested>(&event.body)) suggested->view = 1000;
    CHECK_THROWS_AS((void)replay(events, RandomSearch{}), InvalidState);
}
