#include "attune/study/study.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "support/errors.hpp"
#include "support/problems.hpp"

using namespace attune;
using attune::test::check_error;
using attune::test::StudyScript;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

SearchSpace line() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return space;
}

event::Values at(double x) { return {{"x", x}}; }

}  // namespace

TEST_CASE("creation: once, first, with an objective") {
    Study study;
    CHECK(!study.is_created());
    check_error<InvalidState>([&] { study.apply({1, event::Ended{"early"}}); }, {"first event", "creation"});
    check_error<InvalidState>(
        [&] {
            study.apply({1, event::Created{"empty", 1, line(), {}, {}, {}, {}}});
        },
        {"empty", "no objective"});
    CHECK(!study.is_created());
    study.apply({5, event::Created{
                        "s", 42, line(), {maximize("acc")}, {}, {{"strategy", "random"}}, {{"cpu", "x"}}}});
    CHECK(study.is_created());
    CHECK(study.position() == 1);
    CHECK(study.created_seconds() == 5);
    CHECK(study.latest_seconds() == 5);
    CHECK(study.name() == "s");
    CHECK(study.seed() == 42);
    CHECK(study.objective() == maximize("acc"));
    CHECK(study.settings().at("strategy") == "random");
    CHECK(study.environment().at("cpu") == "x");
    CHECK(study.best() == nullptr);
    check_error<InvalidState>(
        [&] {
            study.apply({6, event::Created{"t", 1, line(), {minimize("y")}, {}, {}, {}}});
        },
        {"s", "created twice"});
    CHECK(study.position() == 1);
}

TEST_CASE("a trial from suggestion to result") {
    StudyScript s(line(), minimize("loss"));
    event::Suggested suggested{0, at(0.25), {}, 1, 2, 7, true, std::nullopt, "because", "exploring", "fit"};
    s.apply(suggested, 10);
    const TrialRecord& t = s.study.trial(0);
    CHECK(t.state == TrialState::running);
    CHECK(t.pending());
    CHECK(t.configuration.native() == std::vector<double>{0.25});
    CHECK(t.view == 1);
    CHECK(t.attempt == 2);
    CHECK(t.group == 7);
    CHECK(t.resumable);
    CHECK(t.suggestion_reason == "because");
    CHECK(t.role == "exploring");
    CHECK(t.fit == "fit");
    CHECK(t.duration_seconds() == 0);
    CHECK(s.study.times_asked(t.configuration) == 1);
    s.report(0, 1, 0.5, 12);
    s.report(0, 2, 0.4, 14);
    REQUIRE(t.reports.size() == 2);
    CHECK(t.reports[1].step == 2);
    CHECK(t.reports[1].metrics.at("loss") == 0.4);
    CHECK(t.reports[1].time_seconds == 14);
    s.apply(event::Finished{0, TrialState::completed, {{"loss", 0.3}, {"size", 9}}, {}, "", 2.5, {}, {}}, 20);
    CHECK(t.state == TrialState::completed);
    CHECK(t.finished());
    CHECK(t.metrics == Metrics{{"loss", 0.3}, {"size", 9}});
    CHECK(t.cost == 2.5);
    CHECK(t.duration_seconds() == 10);
    CHECK(s.study.count(TrialState::completed) == 1);
    CHECK(s.study.count(TrialState::running) == 0);
    CHECK(s.study.best() == &t);
    CHECK(s.study.value(t) == 0.3);
}

TEST_CASE("what is told of duration and values used replaces what was known") {
    StudyScript s(line(), minimize("loss"));
    s.ask(0.25, 10);
    s.apply(event::Finished{0, TrialState::completed, {{"loss", 1}}, {}, "", {}, 3.5, at(0.75)}, 20);
    CHECK(s.study.trial(0).duration_seconds() == 3.5);
    CHECK(s.study.trial(0).configuration.native()[0] == 0.75);
    CHECK(s.study.times_asked(s.study.space().configuration(at(0.25))) == 0);
    CHECK(s.study.times_asked(s.study.space().configuration(at(0.75))) == 1);
    s.ask(0.5, 21);
    event::Finished off{1, TrialState::completed, {{"loss", 1}}, {}, "", {}, {}, at(1.5)};
    CHECK_THROWS_AS(s.apply(off, 22), InvalidConfiguration);
    CHECK(s.study.trial(1).pending());
    CHECK(s.study.times_asked(s.study.space().configuration(at(0.5))) == 1);
}

TEST_CASE("numbers are dense and in order, and unknown trials are refused") {
    StudyScript s(line(), minimize("loss"));
    event::Suggested late;
    late.trial = 1;
    late.configuration = at(0.5);
    check_error<InvalidState>([&] { s.apply(late, 1); }, {"trial 1", "out of order", "0"});
    s.ask(0.5, 1);
    check_error<InvalidState>([&] { s.ask_as(0, 0.5, 1); }, {"trial 0", "out of order", "1"});
    for (const EventBody& body :
         {EventBody{event::Reported{3, 1, {}}}, EventBody{event::Decided{3, 1, Decision::stop, ""}},
          EventBody{event::Interrupted{3}}, EventBody{event::Resumed{3, true}},
          EventBody{event::Finished{3, TrialState::failed, {}, {}, "", {}, {}, {}}},
          EventBody{event::Attribute{3, "k", "v"}}})
        check_error<InvalidState>([&] { s.apply(body, 2); }, {"trial 3", "unknown", "has 1 trial,"});
    check_error<InvalidState>([&] { (void)s.study.trial(-1); }, {"trial -1", "unknown"});
    CHECK_THROWS_AS(s.ask(2.0, 3), InvalidConfiguration);
    CHECK(s.study.trials().size() == 1);
    CHECK(s.study.position() == 2);
}

TEST_CASE("interrupted and resumed, from the start and from a checkpoint") {
    StudyScript s(line(), minimize("loss"));
    s.ask(0.5, 1);
    s.report(0, 1, 0.9, 2);
    s.apply(event::Interrupted{0}, 3);
    CHECK(s.study.trial(0).state == TrialState::interrupted);
    CHECK(s.study.trial(0).pending());
    s.apply(event::Resumed{0, false}, 4);
    CHECK(s.study.trial(0).state == TrialState::running);
    CHECK(s.study.trial(0).reports.size() == 1);
    CHECK(s.study.trial(0).started_seconds == 1);
    s.apply(event::Decided{0, 1, Decision::stop, "hopeless"}, 5);
    s.apply(event::Interrupted{0}, 6);
    s.apply(event::Resumed{0, true}, 7);
    CHECK(s.study.trial(0).reports.empty());
    CHECK(s.study.trial(0).started_seconds == 7);
    CHECK(s.study.trial(0).decision == Decision::proceed);
    CHECK(s.study.trial(0).reason.empty());
    CHECK(s.study.count(TrialState::running) == 1);
    CHECK(s.study.count(TrialState::interrupted) == 0);
}

TEST_CASE("late news of a finished trial change nothing") {
    StudyScript s(line(), minimize("loss"));
    s.ask(0.5, 1);
    s.tell(0, 0.5, 2);
    s.report(0, 9, 0.1, 3);
    s.apply(event::Decided{0, 9, Decision::stop, "late"}, 4);
    s.apply(event::Interrupted{0}, 5);
    s.apply(event::Resumed{0, true}, 6);
    s.tell(0, 0.01, 7);
    const TrialRecord& t = s.study.trial(0);
    CHECK(t.state == TrialState::completed);
    CHECK(t.reports.empty());
    CHECK(t.decision == Decision::proceed);
    CHECK(t.metric("loss") == 0.5);
    CHECK(t.finished_seconds == 2);
    CHECK(s.study.times_asked(t.configuration) == 1);
    CHECK(s.study.position() == 8);  // they are part of the sequence all the same
}

TEST_CASE("best: direction, ties, NaN, infinities, failed and stopped trials") {
    for (const bool up : {false, true}) {
        const double sign = up ? -1 : 1;
        StudyScript s(line(), up ? maximize("y") : minimize("y"));
        const auto best = [&] { return s.study.best() == nullptr ? -1 : s.study.best()->number; };
        for (int i = 0; i < 9; ++i) s.ask(i / 10.0, i);
        s.tell(3, not_a_number, 10);
        CHECK(best() == -1);
        s.tell(4, sign * infinity, 11);
        CHECK(best() == 4);
        s.tell(2, sign * 5, 12);
        CHECK(best() == 2);
        s.tell(5, sign * 5, 13);
        CHECK(best() == 2);
        s.tell(1, sign * 5, 14);
        CHECK(best() == 1);  // of equal ones the one with the lower number
        s.fail(6, FailureKind::configuration, 15, {{"y", sign * -100}});
        CHECK(best() == 1);
        CHECK(std::isnan(s.study.value(s.study.trial(6))));
        s.apply(event::Finished{7, TrialState::paused, {{"y", sign * -100}}, {}, "", {}, {}, {}}, 15);
        CHECK(best() == 1);
        s.apply(event::Finished{0, TrialState::stopped, {{"y", sign * 4}}, {}, "", {}, {}, {}}, 16);
        CHECK(best() == 0);
        s.tell(8, sign * -infinity, 17);
        CHECK(best() == 8);
    }
}

TEST_CASE("a value that was not told comes from the reports: the best or the last") {
    for (const auto final_value : {event::FinalValue::best_report, event::FinalValue::last_report}) {
        StudyScript s(line(), maximize("acc"), final_value);
        s.ask(0.5, 1);
        const auto report = [&](double step, Metrics metrics) {
            s.apply(event::Reported{0, step, std::move(metrics)}, 2);
        };
        report(1, {{"acc", not_a_number}, {"loss", 9}});
        report(2, {{"acc", 0.8}, {"loss", 2}});
        report(3, {{"acc", 0.8}, {"loss", 3}});
        report(4, {{"acc", 0.7}, {"loss", 1}});
        report(5, {{"loss", 0}});
        s.apply(event::Finished{0, TrialState::stopped, {{"size", 4}}, {}, "", {}, {}, {}}, 3);
        const Metrics& m = s.study.trial(0).metrics;
        const bool best = final_value == event::FinalValue::best_report;
        CHECK(m.at("acc") == (best ? 0.8 : 0.7));
        CHECK(m.at("loss") == (best ? 2 : 1));  // of the same report; of equal ones the first
        CHECK(m.at("size") == 4);
    }
    StudyScript told(line(), maximize("acc"));
    told.ask(0.5, 1);
    told.report(0, 1, 0.9, 2);
    told.tell(0, 0.5, 3);
    CHECK(told.study.trial(0).metric("acc") == 0.5);  // told goes before reported
}

TEST_CASE(
    "several objectives: each has its value, the first decides on the best, reports count by the last") {
    StudyScript s(line(), std::vector<Objective>{minimize("loss"), maximize("speed")});
    s.ask(0.1, 1);
    s.ask(0.2, 1);
    s.apply(event::Reported{0, 1, {{"loss", 1}, {"speed", 9}}}, 2);
    s.apply(event::Reported{0, 2, {{"loss", 2}, {"speed", 7}}}, 2);
    s.apply(event::Finished{0, TrialState::completed, {}, {}, "", {}, {}, {}}, 3);
    CHECK(s.study.value(s.study.trial(0), 0) == 2);
    CHECK(s.study.value(s.study.trial(0), 1) == 7);
    s.apply(event::Finished{1, TrialState::completed, {{"loss", 1.5}, {"speed", 1}}, {}, "", {}, {}, {}}, 3);
    CHECK(s.study.best()->number == 1);
}

TEST_CASE("supposed ends: a study of its own, which shares the reports until one of the two changes") {
    StudyScript s(line(), std::vector<Objective>{minimize("loss"), maximize("speed")});
    for (const double x : {0.1, 0.2, 0.3}) s.ask(x, 1);
    s.apply(event::Reported{0, 1, {{"loss", 3}, {"speed", 9}}}, 2);
    s.apply(event::Reported{1, 1, {{"loss", 2}, {"speed", 8}}}, 2);
    s.apply(event::Finished{1, TrialState::paused, {}, {}, "", {}, {}, {}}, 3);
    const auto present = s.study.identity();

    const Study supposed = s.study.supposing({{0, 0.5}, {1, not_a_number}});
    CHECK(supposed.identity() != present);
    CHECK(supposed.trial(0).state == TrialState::completed);
    CHECK(supposed.value(supposed.trial(0)) == 0.5);
    CHECK(supposed.value(supposed.trial(0), 1) == 9);
    CHECK(supposed.trial(1).state == TrialState::completed);
    CHECK(std::isnan(supposed.value(supposed.trial(1))));
    CHECK(supposed.best()->number == 0);
    CHECK(supposed.unfinished() == std::set<std::int64_t>{2});
    CHECK(s.study.unfinished() == std::set<std::int64_t>{0, 1, 2});
    CHECK(s.study.trial(1).state == TrialState::paused);

    CHECK(&supposed.trial(0).reports[0] == &s.study.trial(0).reports[0]);
    s.apply(event::Reported{0, 2, {{"loss", 1}}}, 4);
    CHECK(s.study.trial(0).reports.size() == 2);
    REQUIRE(supposed.trial(0).reports.size() == 1);
    CHECK(supposed.trial(0).reports.back().metrics.at("speed") == 9);
    Study copy = supposed;
    copy.apply({5, event::Resumed{2, false}});
    copy.apply({5, event::Reported{2, 1, {{"loss", 7}}}});
    CHECK(supposed.trial(2).reports.empty());
    s.apply(event::Resumed{1, false}, 6);
    s.apply(event::Reported{1, 1, {{"loss", 4}}}, 6);  // takes the place of the one before
    CHECK(s.study.trial(1).reports[0].metrics.at("loss") == 4);
    CHECK(supposed.trial(1).reports[0].metrics.at("loss") == 2);
}

TEST_CASE("failures of the environment do not count as asked") {
    StudyScript s(line(), minimize("loss"));
    const Configuration c = s.study.space().configuration(at(0.5));
    s.ask(0.5, 1);
    s.ask(0.5, 1);
    s.ask(0.5, 1);
    CHECK(s.study.times_asked(c) == 3);
    s.fail(0, FailureKind::environment, 2);
    CHECK(s.study.times_asked(c) == 2);
    s.fail(1, FailureKind::configuration, 2);
    CHECK(s.study.times_asked(c) == 2);
    s.fail(0, FailureKind::environment, 3);  // late news
    CHECK(s.study.times_asked(c) == 2);
    CHECK(s.study.trial(0).failure == FailureKind::environment);
    CHECK(s.study.trial(0).reason == "because");
}

TEST_CASE("enqueued configurations wait until a trial takes them") {
    StudyScript s(line(), minimize("loss"));
    s.apply(event::Enqueued{at(0.1)}, 1);
    s.apply(event::Enqueued{at(0.2)}, 1);
    CHECK(s.study.enqueued().size() == 2);
    event::Suggested second;
    second.configuration = at(0.2);
    second.enqueued = 1;
    s.apply(second, 2);
    REQUIRE(s.study.enqueued().size() == 1);
    CHECK(s.study.enqueued().begin()->first == 0);
    s.apply(event::Enqueued{at(0.3)}, 3);
    CHECK(s.study.enqueued().rbegin()->first == 2);  // indices are never used again
}

TEST_CASE("attributes of trials and of the study, and why a run ended") {
    StudyScript s(line(), minimize("loss"));
    s.ask(0.5, 1);
    s.apply(event::Attribute{-1, "data", "v1"}, 2);
    s.apply(event::Attribute{-1, "data", "v2"}, 2);
    s.apply(event::Attribute{0, "host", "a"}, 2);
    CHECK(s.study.attributes().at("data") == "v2");
    CHECK(s.study.trial(0).attributes.at("host") == "a");
    s.apply(event::Ended{"spent"}, 3);
    CHECK(s.study.end_reason() == "spent");
    s.ask(0.6, 4);  // a later run goes on
    CHECK(s.study.end_reason().empty());
}

TEST_CASE("copies are independent") {
    StudyScript s(line(), minimize("loss"));
    s.ask(0.5, 1);
    const Study copy = s.study;
    s.tell(0, 1, 2);
    CHECK(copy.trial(0).pending());
    CHECK(copy.best() == nullptr);
    CHECK(s.study.best() != nullptr);
}

TEST_CASE("objectives compare as their direction says, NaN last") {
    const Objective low = minimize("y"), high = maximize("y");
    CHECK(low.better(1, 2));
    CHECK(!low.better(2, 2));
    CHECK(high.better(2, 1));
    CHECK(low.better(infinity, not_a_number));
    CHECK(!low.better(not_a_number, infinity));
    CHECK(!high.better(not_a_number, not_a_number));
    CHECK(low.worst() == infinity);
    CHECK(high.worst() == -infinity);
    CHECK(high.loss(3) == -3);
    CHECK(direction_from("maximize") == Direction::maximize);
    check_error<UnknownName>([] { (void)direction_from("up"); }, {"up", "minimize, maximize"});
}
