#include <memory>

#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/grid.hpp"
#include "attune/strategy/sobol.hpp"
#include "attune/tune/replay.hpp"
#include "support/errors.hpp"
#include "tune/support.hpp"

using namespace attune;
using attune::test::check_error;

// Tuners on a study whose space changes: what is asked, what others do, and that it replays.

namespace {

SearchSpace narrow() {
    SearchSpace space;
    (void)space.continuous("x", -0.5, 0.25);
    (void)space.integer("n", 2, 6);
    return space;
}

SearchSpace wider() {
    SearchSpace space;
    (void)space.categorical("kind", {"u", "v"});
    (void)space.continuous("x", -0.5, 2);
    return space;
}

Study stored(const Memory& memory) {
    Study study;
    for (const Event& event : memory.read(0)) study.apply(event);
    return study;
}

/// Ten trials in the plane, then ten in narrow(), then ten in wider().
template <class S>
void check_strategy(const S& strategy) {
    const Memory memory;
    (void)Tuner{test::plane(), minimize("y"), strategy, memory, TunerOptions{.seed = 3}}.run(
        {.max_trials = 10}, test::cost_of);
    const TunerOptions change{.change_space = true};
    (void)Tuner{narrow(), minimize("y"), strategy, memory, change}.run({.max_trials = 20}, test::cost_of);
    const TunerOptions last{.change_space = true, .old_trials = {{"kind", std::string("u")}}};
    for (const int trials : {24, 30})  // opened twice: changed once
        (void)Tuner{wider(), minimize("y"), strategy, memory, last}.run({.max_trials = trials},
                                                                        test::cost_of);
    const Study study = stored(memory);
    CHECK(study.space_version() == 2);
    test::check_whole(study, 30);
    for (const TrialRecord& trial : study.trials()) {
        CHECK(trial.space_version == static_cast<std::uint32_t>(trial.number / 10));
        CHECK(study.space_of(trial).contains(trial.asked()));
        if (trial.number < 20) CHECK(*trial.configuration.find("kind") == Value(std::string("u")));
    }
    const Replay replayed = replay(memory.read(0), strategy);
    CHECK(replayed.asked_again == 30);
    CHECK(replayed.differences.empty());
}

}  // namespace

TEST_CASE("strategies go on in the new space, and the study replays") {
    check_strategy(RandomSearch{});
    check_strategy(Sobol{});
    check_strategy(Grid{{.levels = 8}});
    check_strategy(GaussianProcess{{.initial_trials = 4}});
}

TEST_CASE("the grid does not ask what old trials were, read in the new space") {
    const Memory memory;
    SearchSpace before, after;
    (void)before.integer("n", 1, 3);
    (void)after.integer("n", 2, 4);
    (void)after.categorical("flag", {false, true});
    (void)Tuner{before, minimize("y"), Grid{}, memory}.run({}, test::cost_of);
    const TunerOptions change{.change_space = true, .old_trials = {{"flag", false}}};
    (void)Tuner{after, minimize("y"), Grid{}, memory, change}.run({}, test::cost_of);
    std::vector<std::string> asked = test::configurations(stored(memory));
    CHECK(asked == std::vector<std::string>{"n=1 flag=false", "n=2 flag=false", "n=3 flag=false",
                                            "n=2 flag=true", "n=3 flag=true", "n=4 flag=false",
                                            "n=4 flag=true"});
}

TEST_CASE("a model learns from trials outside the new range, and from choices that are gone") {
    const Memory memory;
    SearchSpace before, after;
    (void)before.continuous("x", 0, 1);
    (void)before.categorical("kind", {"good", "bad"});
    (void)after.continuous("x", 0.5, 1);
    (void)after.categorical("kind", {"good", "new"});
    const auto cost = [](const Trial& trial) {
        const double x = std::get<double>(*trial.configuration().find("x"));
        const bool good = *trial.configuration().find("kind") == Value(std::string("good"));
        return (x - 0.55) * (x - 0.55) + (good ? 0 : 1);
    };
    const GaussianProcess model{{.initial_trials = 6}};
    (void)Tuner{before, minimize("y"), model, memory}.run({.max_trials = 16}, cost);
    const Outcome outcome =
        Tuner{after, minimize("y"), model, memory, TunerOptions{.change_space = true}}.run({.max_trials = 20},
                                                                                           cost);
    // With 16 trials of evidence the model is used at once and stays near the optimum; a design of its own
    // would begin again with points over the whole range.
    const TrialRecord& next = outcome.study().trial(16);
    CHECK(next.role != "initial");
    CHECK_FALSE(next.fit.empty());
    CHECK(std::abs(std::get<double>(*outcome.best().configuration.find("x")) - 0.55) < 0.02);
}

TEST_CASE("another worker finishes what it has, then hears of the change") {
    const Memory memory;
    Tuner old{test::plane(), minimize("y"), memory};
    auto trial = old.ask();
    REQUIRE(trial);
    Tuner other{test::plane(), minimize("y"), memory};
    other.change_space(wider(), {{"kind", std::string("v")}});
    CHECK(trial->report(1, 2.0) == Decision::proceed);
    trial->tell(1.5);
    check_error<InvalidState>([&] { (void)old.ask(); },
                              {"changed by another worker", "parameter kind", "parameter n: not there",
                               "parameter x: continuous [-0.5, 2]"});
    CHECK_THROWS_AS(old.run({.max_trials = 5}, test::cost_of), InvalidState);
    auto next = other.ask();
    REQUIRE(next);
    CHECK(next->configuration().find("kind"));
    next->tell(1);
    const Study study = stored(memory);
    CHECK(study.trial(0).metric("y") == 1.5);
    CHECK(study.trials().size() == 2);
    CHECK_THROWS_AS((Tuner{test::plane(), minimize("y"), memory}), InvalidState);
    old.change_space(wider(), {{"kind", std::string("v")}});  // follows: nothing is left to store
    CHECK(stored(memory).position() == study.position());
    CHECK(old.ask());
}

TEST_CASE("an interrupted trial is gone on with where the new space contains it") {
    const Memory memory;
    std::string kept;
    {
        Tuner tuner{test::plane(), minimize("y"), memory};
        event::Values inside{{"x", 0.1}, {"n", std::int64_t{2}}}, outside{{"x", 0.9}, {"n", std::int64_t{2}}};
        tuner.enqueue(outside);
        tuner.enqueue(inside);
        auto a = tuner.ask(), b = tuner.ask();
        kept = b->configuration().text();
    }
    Tuner tuner{narrow(), minimize("y"), memory, TunerOptions{.change_space = true}};
    auto again = tuner.ask();
    REQUIRE(again);
    CHECK(again->number() == 1);
    CHECK(again->resumed());
    CHECK(again->configuration().text() == kept);
    again->tell(1);
    const Study study = tuner.study();
    CHECK(study.trial(0).state == TrialState::failed);
    CHECK(study.trial(0).failure == FailureKind::environment);
    CHECK(study.trial(0).reason.find("x=0.9") != std::string::npos);
    CHECK(study.times_asked(study.trial(0).configuration) == 0);
}

TEST_CASE("a change that is refused stores nothing, and so does one that changes nothing") {
    const Memory memory;
    Tuner tuner{test::plane(), minimize("y"), memory};
    (void)tuner.run({.max_trials = 2}, test::cost_of);
    const auto before = memory.read(0).size();
    CHECK_THROWS_AS(tuner.change_space(wider()), InvalidSpace);
    CHECK_THROWS_AS(tuner.change_space(SearchSpace{}), InvalidSpace);
    tuner.change_space(test::plane());
    CHECK(memory.read(0).size() == before);
    CHECK(tuner.ask());
}

TEST_CASE("an ended study is extended by a larger limit") {
    const Memory memory;
    for (const int trials : {3, 7}) {
        const Outcome outcome =
            Tuner{test::plane(), minimize("y"), memory}.run({.max_trials = trials}, test::cost_of);
        test::check_whole(outcome.study(), static_cast<std::size_t>(trials));
        CHECK_FALSE(outcome.study().end_reason().empty());
    }
}
