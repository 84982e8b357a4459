#include "attune/tune/tuner.hpp"

#include <cmath>
#include <limits>
#include <thread>

#include "support/errors.hpp"
#include "tune/support.hpp"

using namespace attune;
using attune::test::check_error;

// The parts of a host's own loop: ask, report, tell.

TEST_CASE("ask, report and tell") {
    Tuner tuner{test::plane(), maximize("acc"),
                TunerOptions{.name = "mine", .seed = 5, .clock = test::Ticking{}}};
    auto trial = tuner.ask();
    REQUIRE(trial);
    CHECK(trial->number() == 0);
    CHECK(!trial->resumed());
    CHECK(trial->threads() >= 1);
    CHECK(!trial->stop_requested());
    CHECK(trial->report(1, 0.5) == Decision::proceed);
    CHECK(trial->report(2, {{"acc", 0.7}, {"loss", 0.1}}) == Decision::proceed);
    trial->set_attribute("host", "a");
    trial->tell(0.6);
    const Study study = tuner.study();
    CHECK(study.name() == "mine");
    CHECK(study.seed() == 5);
    CHECK(study.settings().at("strategy") == "random");
    CHECK(study.settings().at("stopping") == "off");
    const TrialRecord& record = study.trial(0);
    CHECK(record.state == TrialState::completed);
    CHECK(record.metrics == Metrics{{"acc", 0.6}});
    CHECK(record.reports.size() == 2);
    CHECK(record.attributes.at("host") == "a");
    CHECK(record.duration_seconds() > 0);
    check_error<InvalidState>([&] { trial->tell(0.9); }, {"trial 0", "over"});
    check_error<InvalidState>([&] { (void)trial->report(3, 0.9); }, {"trial 0", "over"});
}

TEST_CASE("by number: what is over or unknown is refused, late or not") {
    Tuner tuner{test::plane(), minimize("y")};
    auto trial = tuner.ask();
    check_error<InvalidState>([&] { (void)tuner.report(3, 1, {{"y", 1}}); }, {"trial 3", "unknown"});
    check_error<InvalidState>(
        [&] {
            (void)tuner.report(0, std::nan(""), {{"y", 1}});
        },
        {"trial 0", "step", "NaN"});
    const TrialRecord& record = tuner.tell(0, {.metrics = {{"y", 2}},
                                               .cost = 3,
                                               .duration_seconds = 9,
                                               .configuration = event::Values{{"x", 0.5}, {"n", 2}}});
    CHECK(record.cost == 3);
    CHECK(record.duration_seconds() == doctest::Approx(9));
    CHECK(record.configuration.text() == "x=0.5 n=2");
    check_error<InvalidState>([&] { (void)tuner.tell(0, {}); }, {"trial 0", "completed already"});
    check_error<InvalidState>([&] { tuner.fail(0, "late"); }, {"trial 0", "completed already"});
    check_error<InvalidState>([&] { tuner.interrupt(0); }, {"trial 0", "completed already"});
    check_error<InvalidState>([&] { (void)tuner.report(0, 1, {}); }, {"trial 0", "completed already"});
    check_error<InvalidState>([&] { tuner.set_attribute(4, "k", "v"); }, {"trial 4", "unknown"});
    tuner.set_attribute(-1, "data", "v1");
    CHECK(tuner.study().attributes().at("data") == "v1");
    auto second = tuner.ask();
    check_error<InvalidConfiguration>(
        [&] {
            (void)tuner.tell(1,
                             {.metrics = {{"y", 1}}, .configuration = event::Values{{"x", 7.0}, {"n", 2}}});
        },
        {"x", "7", "outside"});
    CHECK(tuner.study().trial(1).pending());
    second->fail("no licence", FailureKind::environment);
    CHECK(tuner.study().trial(1).reason == "no licence");
    CHECK(tuner.study().trial(1).failure == FailureKind::environment);
}

TEST_CASE("a result without the objective, or with NaN, is a failure with its reason") {
    Tuner tuner{test::plane(), std::vector<Objective>{minimize("loss"), maximize("speed")}};
    const auto told = [&](Metrics metrics) {
        auto trial = tuner.ask();
        trial->tell(metrics);
        return tuner.study().trial(trial->number());
    };
    const TrialRecord missing = told({{"loss", 1}});
    CHECK(missing.state == TrialState::failed);
    CHECK(missing.reason == "the objective speed was neither told nor reported");
    CHECK(missing.failure == FailureKind::configuration);
    const TrialRecord bad = told({{"loss", std::nan("")}, {"speed", 1}});
    CHECK(bad.state == TrialState::failed);
    CHECK(bad.reason == "the objective loss is NaN");
    CHECK(told({{"loss", std::numeric_limits<double>::infinity()}, {"speed", 1}}).state ==
          TrialState::completed);
    auto reported = tuner.ask();
    (void)reported->report(1, {{"loss", 1}, {"speed", 2}});
    reported->tell(Metrics{});
    CHECK(tuner.study().trials().back().state == TrialState::completed);
}

TEST_CASE("a dropped trial is interrupted, and the next ask goes on with it") {
    Tuner tuner{test::plane(), minimize("y")};
    std::string text;
    {
        auto dropped = tuner.ask();
        text = dropped->configuration().text();
        (void)dropped->report(1, 0.5);
    }
    CHECK(tuner.study().trial(0).state == TrialState::interrupted);
    auto again = tuner.ask();
    CHECK(again->number() == 0);
    CHECK(again->resumed());
    CHECK(again->configuration().text() == text);
    CHECK(tuner.study().trial(0).reports.empty());
    CHECK(tuner.ask()->number() == 1);  // what runs is left alone
    Trial moved = *std::move(again);
    moved.tell(1);
    CHECK(tuner.study().trial(0).state == TrialState::completed);
}

TEST_CASE("a trial's random numbers are its own, and the same when it is run again") {
    Tuner tuner{test::plane(), minimize("y"), TunerOptions{.seed = 3}};
    auto a = tuner.ask(), b = tuner.ask();
    const auto first = a->random()();
    CHECK(first == a->random()());
    CHECK(first != b->random()());
    tuner.interrupt(0);
    CHECK(tuner.ask()->random()() == first);
}

TEST_CASE("enqueued configurations come first, in order, and are checked") {
    Tuner tuner{test::plane(), minimize("y")};
    tuner.enqueue({{"x", 0.25}, {"n", 2}});
    tuner.enqueue({{"x", 0.25}, {"n", 2}});  // what the user wants twice is run twice
    tuner.enqueue({{"x", 0.5}, {"n", 3}});
    check_error<InvalidConfiguration>([&] { tuner.enqueue({{"x", 2.0}, {"n", 3}}); }, {"x", "2", "outside"});
    check_error<InvalidConfiguration>([&] { tuner.enqueue({{"x", 0.5}}); }, {"n", "no value"});
    const auto third = tuner.ask({{"n", 3}});  // the first that fits the fixed values
    CHECK(third->configuration().text() == "x=0.5 n=3");
    const auto first = tuner.ask(), second = tuner.ask();
    CHECK(first->configuration().text() == "x=0.25 n=2");
    CHECK(second->configuration().text() == "x=0.25 n=2");
    CHECK(tuner.study().trial(1).role == "enqueued");
    CHECK(tuner.study().enqueued().empty());
    CHECK(tuner.study().trials().size() == 3);
    const auto free = tuner.ask();
    CHECK(tuner.study().trial(free->number()).role == "random");
}

TEST_CASE("fixed values are kept for one ask") {
    Tuner tuner{test::plane(), minimize("y")};
    auto n = tuner.study().space().handle<std::int64_t>("n");
    std::vector<Trial> trials;
    for (int i = 0; i < 10; ++i) {
        trials.push_back(*tuner.ask({{"n", 4}}));
        CHECK(trials.back()[n] == 4);
    }
    check_error<InvalidConfiguration>([&] { (void)tuner.ask({{"n", 9}}); }, {"n", "9", "outside"});
    check_error<InvalidConfiguration>([&] { (void)tuner.ask({{"m", 1}}); }, {"'m'", "unknown"});
    const Study study = tuner.study();
    CHECK(study.trials().size() == 10);
}

TEST_CASE("what a strategy suggests outside the space is refused before it is stored") {
    struct Wild {
        [[nodiscard]] std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest&) const {
            return Suggestion{study.space().from_native({7, 2}), "", "", ""};
        }
    };
    struct Stubborn {  // ignores the fixed values
        [[nodiscard]] std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest&) const {
            return Suggestion{study.space().from_native({0.5, 2}), "", "", ""};
        }
    };
    Tuner wild{test::plane(), minimize("y"), Wild{}};
    check_error<InvalidConfiguration>([&] { (void)wild.ask(); }, {"x", "7", "outside"});
    CHECK(wild.study().trials().empty());
    Tuner stubborn{test::plane(), minimize("y"), Stubborn{}};
    CHECK(!stubborn.ask({{"n", 3}}));
    auto trial = stubborn.ask({{"n", 2}});
    CHECK(trial);
    CHECK(!stubborn.ask());  // and it has nothing new
}

TEST_CASE("duplicates: forbidden, allowed, replicated") {
    const auto counts = [](Duplicates duplicates, int asks) {
        Tuner tuner{test::small(), minimize("y"), TunerOptions{.duplicates = duplicates}};
        std::map<std::string, int> out;
        for (int i = 0; i < asks; ++i) {
            auto trial = tuner.ask();
            if (!trial) break;
            ++out[trial->configuration().text()];
            trial->tell(1);
        }
        return out;
    };
    const auto forbidden = counts(Duplicates::forbid(), 50);
    CHECK(forbidden.size() == 6);
    for (const auto& [text, times] : forbidden) CHECK(times == 1);
    const auto allowed = counts(Duplicates::allow(), 50);
    int total = 0;
    for (const auto& [text, times] : allowed) total += times;
    CHECK(total == 50);
    const auto replicated = counts(Duplicates::replicate(3), 50);
    CHECK(replicated.size() == 6);
    for (const auto& [text, times] : replicated) CHECK(times == 3);
    check_error<InvalidOption>([] { (void)Duplicates::replicate(1); }, {"replicate(1)", "at least 2"});
}

TEST_CASE("a configuration whose environment failed is asked again, one that failed itself is not") {
    for (const FailureKind kind : {FailureKind::environment, FailureKind::configuration}) {
        SearchSpace space;
        (void)space.integer("n", 1, 1);
        Tuner tuner{space, minimize("y")};
        tuner.ask()->fail("broken", kind);
        CHECK(tuner.ask().has_value() == (kind == FailureKind::environment));
    }
}

TEST_CASE("a stop decision makes the trial stopped, with the reason and its reports as evidence") {
    Tuner tuner{test::plane(), minimize("loss"), MedianRule{{.minimum_trials = 1}}};
    auto good = tuner.ask();
    CHECK(good->report(1, 0.1) == Decision::proceed);
    good->tell(Metrics{});
    auto bad = tuner.ask();
    CHECK(bad->report(1, 0.9) == Decision::stop);
    CHECK(bad->decision() == Decision::stop);
    bad->tell(Metrics{});
    const Study study = tuner.study();
    CHECK(study.trial(1).state == TrialState::stopped);
    CHECK(study.trial(1).reason.find("worse than the median 0.1") != std::string::npos);
    CHECK(study.trial(1).reports.size() == 1);
    CHECK(study.trial(1).metric("loss") == 0.9);
    CHECK(study.settings().at("stopping") == "median");
}

TEST_CASE("pause is proceed for trials that cannot resume") {
    struct Pausing {
        [[nodiscard]] Verdict decide(const Study&, const TrialRecord&) const {
            return {Decision::pause, "later"};
        }
    };
    for (const bool resumable : {false, true}) {
        Tuner tuner{test::plane(), minimize("y"), Pausing{}, TunerOptions{.resumable = resumable}};
        auto trial = tuner.ask();
        CHECK(trial->report(1, 1) == (resumable ? Decision::pause : Decision::proceed));
        CHECK(tuner.study().trial(0).resumable == resumable);
    }
}

TEST_CASE("options and spaces that cannot be are refused when the tuner is made") {
    check_error<InvalidOption>(
        [] {
            Tuner{test::plane(), minimize("y"), TunerOptions{.group_size = 0}};
        },
        {"group_size (0)", "at least 1"});
    check_error<InvalidOption>(
        [] {
            Tuner{test::plane(), minimize("y"), TunerOptions{.clock = nullptr}};
        },
        {"clock", "empty"});
    SearchSpace empty = test::plane();
    empty.constrain("n > 9");
    check_error<InvalidSpace>([&] { Tuner{empty, minimize("y")}; }, {"n > 9", "no configuration"});
    check_error<InvalidState>([] { Tuner{test::plane(), std::vector<Objective>{}}; }, {"no objective"});
}

TEST_CASE("outcome constraints are parts of the study: they choose the best, and must be told") {
    Memory memory;
    const auto tuner_of = [&](std::vector<OutcomeConstraint> constraints) {
        return std::make_unique<Tuner>(test::plane(), maximize("acc"), memory, std::move(constraints));
    };
    const auto tuner = tuner_of({at_most("ms", 5)});
    const auto tell = [&](Metrics metrics) {
        auto trial = tuner->ask();
        REQUIRE(trial);
        trial->tell(metrics);
        return trial->number();
    };
    CHECK(tell({{"acc", 0.9}, {"ms", 8}}) == 0);
    check_error<InvalidState>([&] { (void)Outcome(tuner->study(), "").best(); },
                              {"none of its 1 trial", "ms <= 5", "trial 0", "nearest"});
    CHECK(tell({{"acc", 0.5}, {"ms", 5}}) == 1);
    CHECK(tell({{"acc", 0.7}}) == 2);
    const Study study = tuner->study();
    CHECK(Outcome(study, "").best().number == 1);
    CHECK(study.trial(2).state == TrialState::failed);
    CHECK(study.trial(2).reason == "the constrained metric ms was neither told nor reported");
    // Another study's constraints are another study.
    check_error<InvalidState>([&] { (void)tuner_of({}); }, {"outcome constraints: ms <= 5 -> none"});
    check_error<InvalidState>([&] { (void)tuner_of({at_most("ms", 6)}); }, {"ms <= 5 -> ms <= 6"});
    CHECK_NOTHROW((void)tuner_of({at_most("ms", 5)}));
    check_error<InvalidOption>(
        [&] {
            (void)Tuner(test::plane(), maximize("acc"),
                        at_least("ms", std::numeric_limits<double>::infinity()));
        },
        {"ms >= inf", "finite bound"});
}
