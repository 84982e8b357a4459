#include "attune/study/limits.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "support/errors.hpp"
#include "support/problems.hpp"

using namespace attune;
using namespace std::chrono_literals;
using attune::test::check_error;
using attune::test::StudyScript;

namespace {

SearchSpace line() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    return space;
}

std::string reason(const Limit& limit, const StudyScript& s, double now = 0, double started = 0) {
    return limit.reached({s.study, started, now}).value_or("");
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("trials: all that were begun count, but for failures of the environment") {
    StudyScript s(line(), minimize("y"));
    const Limit limit = max_trials(2);
    CHECK(reason(limit, s).empty());
    s.ask(0.1, 1);
    s.ask(0.2, 1);
    CHECK(says(reason(limit, s), "2 trials"));
    s.fail(0, FailureKind::environment, 2);
    CHECK(reason(limit, s).empty());
    s.ask(0.3, 3);
    s.fail(1, FailureKind::configuration, 4);
    CHECK(says(reason(limit, s), "2 trials"));
    CHECK(reason(limit, s) == "2 trials were run");
    CHECK(reason(max_trials(0), s) == "2 trials were run; the limit is 0");
    CHECK(reason(max_trials(1), s) == "2 trials were run; the limit is 1");
}

TEST_CASE("time is that of this run") {
    const StudyScript s(line(), minimize("y"));
    CHECK(reason(max_duration(1min), s, 159.9, 100).empty());
    CHECK(says(reason(max_duration(1min), s, 160, 100), "60 s"));
}

TEST_CASE("the target is reached by an equal or better value") {
    for (const bool up : {false, true}) {
        StudyScript s(line(), up ? maximize("y") : minimize("y"));
        const double sign = up ? -1 : 1;
        const Limit limit = target(sign * 0.5);
        CHECK(reason(limit, s).empty());
        s.ask(0.1, 1);
        s.tell(0, sign * 0.6, 2);
        CHECK(reason(limit, s).empty());
        s.ask(0.2, 1);
        s.tell(1, sign * 0.5, 2);
        CHECK(says(reason(limit, s), "target y"));
    }
}

TEST_CASE("no improvement: counts what finished since the best did") {
    StudyScript s(line(), minimize("y"));
    const Limit limit = no_improvement(2);
    for (int i = 0; i < 7; ++i) s.ask(i / 10.0, 0);
    CHECK(reason(limit, s).empty());  // nothing has finished
    s.tell(3, 1, 1);
    s.tell(4, 2, 2);
    CHECK(reason(limit, s).empty());
    s.fail(5, FailureKind::environment, 3);
    CHECK(reason(limit, s).empty());
    s.tell(0, 2, 4);  // begun before the best, but finished after it
    CHECK(says(reason(limit, s), "no improvement in 2 trials"));
    s.tell(1, 0.5, 5);
    CHECK(reason(limit, s).empty());
    s.fail(2, FailureKind::configuration, 6);
    CHECK(reason(limit, s).empty());
    s.tell(6, 0.5, 7);  // as good is no improvement
    CHECK(says(reason(limit, s), "no improvement"));
}

TEST_CASE("cost adds up over all trials, failed ones too") {
    StudyScript s(line(), minimize("y"));
    const auto finish = [&](std::int64_t trial, TrialState state, std::optional<double> cost) {
        s.apply(event::Finished{trial, state, {{"y", 1}}, {}, "", cost, {}, {}}, 1);
    };
    for (int i = 0; i < 3; ++i) s.ask(i / 10.0, 0);
    finish(0, TrialState::completed, 1.5);
    finish(1, TrialState::completed, std::nullopt);
    CHECK(reason(max_cost(2), s).empty());
    finish(2, TrialState::failed, 0.5);
    CHECK(says(reason(max_cost(2), s), "cost limit 2"));
}

TEST_CASE("failures in a row are those of this run, the last reason is told") {
    StudyScript s(line(), minimize("y"));
    const Limit limit = failures_in_a_row(2);
    for (int i = 0; i < 6; ++i) s.ask(i / 10.0, i);
    s.fail(0, FailureKind::configuration, 10);
    CHECK(reason(limit, s).empty());
    s.fail(1, FailureKind::environment, 10);
    CHECK(says(reason(limit, s), "2 trials failed in a row"));
    CHECK(says(reason(limit, s), "because"));
    CHECK(reason(limit, s, 20, 1).empty());  // trial 0 was begun before the run
    s.tell(2, 1, 11);
    CHECK(reason(limit, s).empty());
    s.fail(4, FailureKind::configuration, 12);
    CHECK(reason(limit, s).empty());
    s.fail(5, FailureKind::configuration, 12);
    CHECK(says(reason(limit, s), "2 trials failed"));  // 3 is still running
}

TEST_CASE("limits combine by && and ||, with the reasons of those that were reached") {
    StudyScript s(line(), minimize("y"));
    s.ask(0.5, 0);
    s.tell(0, 1, 1);
    const Limit yes = max_trials(1), no = max_trials(9), also = target(1);
    CHECK(says(reason(yes || no, s), "1 trial was run"));
    CHECK(says(reason(no || yes, s), "1 trial was run"));
    CHECK(reason(no || no, s).empty());
    CHECK(reason(yes && no, s).empty());
    CHECK(reason(no && yes, s).empty());
    const std::string both = reason(yes && also, s);
    CHECK(says(both, "1 trial was run and the target"));
    CHECK(says(reason(no || (yes && also), s), "target"));
    CHECK(reason(Limit([](const RunProgress&) { return std::optional<std::string>("mine"); }) || no, s) ==
          "mine");
}

TEST_CASE("Limits: each field is its limit, and the defaults end only on failures") {
    StudyScript s(line(), minimize("y"));
    for (int i = 0; i < 30; ++i) s.ask(i / 100.0, 0);
    for (int i = 0; i < 19; ++i) s.fail(i, FailureKind::configuration, 1);
    CHECK(reason(Limits{}.any(), s, 1e12).empty());
    CHECK(says(reason(Limits{.max_trials = 30}.any(), s), "30 trials"));
    CHECK(says(reason(Limits{.max_duration = 5s}.any(), s, 5), "time limit"));
    s.fail(19, FailureKind::configuration, 1);
    CHECK(says(reason(Limits{}.any(), s), "20 trials failed in a row"));
    s.apply(event::Finished{20, TrialState::completed, {{"y", 1}}, {}, "", 3, {}, {}}, 2);
    CHECK(reason(Limits{}.any(), s).empty());
    CHECK(says(reason(Limits{.target = 1}.any(), s), "target"));
    CHECK(says(reason(Limits{.max_cost = 3}.any(), s), "cost"));
    s.tell(21, 2, 3);
    CHECK(says(reason(Limits{.max_trials_without_improvement = 1}.any(), s), "no improvement"));
}

TEST_CASE("limits outside their range are refused by name, value and rule") {
    check_error<InvalidOption>([] { (void)max_trials(-1); }, {"max_trials (-1)", "at least 0"});
    check_error<InvalidOption>([] { (void)max_duration(0s); }, {"max_duration (0 s)", "above 0"});
    check_error<InvalidOption>([] { (void)target(std::numeric_limits<double>::quiet_NaN()); },
                               {"target (nan)", "number"});
    check_error<InvalidOption>([] { (void)no_improvement(0); }, {"no_improvement (0)", "at least 1"});
    check_error<InvalidOption>([] { (void)max_cost(-1); }, {"max_cost (-1)", "above 0"});
    check_error<InvalidOption>([] { (void)failures_in_a_row(0); }, {"failures_in_a_row (0)", "at least 1"});
    check_error<InvalidOption>([] { (void)Limits{.max_failures_in_a_row = 0}.any(); },
                               {"failures_in_a_row (0)"});
}
