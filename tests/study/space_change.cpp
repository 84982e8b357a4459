#include <doctest/doctest.h>

#include <cmath>

#include "attune/study/space_change.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;

// A study whose space changes: trials keep what they were asked with and are read in the present space.

namespace {

SearchSpace first_space() {
    SearchSpace space;
    (void)space.continuous("lr", 0.001, 1, Scale::log);
    (void)space.integer("n", 1, 5);
    (void)space.categorical("kind", {"a", "b", "c"});
    return space;
}

Event suggested(std::int64_t trial, event::Values values) {
    event::Suggested body;
    body.trial = trial;
    body.configuration = std::move(values);
    body.view = 1;
    return {2, body};
}

/// Trials 0 (0.5, 3, a) and 1 (0.01, 5, c).
Study two_trials() {
    Study study;
    study.apply({1, event::Created{"s", 1, first_space(), {minimize("y")}, {}, {}, {}}});
    study.apply(suggested(0, {{"lr", 0.5}, {"n", std::int64_t{3}}, {"kind", std::string("a")}}));
    study.apply(suggested(1, {{"lr", 0.01}, {"n", std::int64_t{5}}, {"kind", std::string("c")}}));
    return study;
}

Study changed(Study study, const SearchSpace& space, event::Values old_trials = {}) {
    const event::SpaceChanged change{space, std::move(old_trials)};
    check_space_change(study, change);
    study.apply({3, change});
    return study;
}

}  // namespace

TEST_CASE("values outside a new range and choices that are gone stay themselves, and are never asked again") {
    SearchSpace space;
    (void)space.continuous("lr", 0.001, 0.1, Scale::log);
    (void)space.integer("n", 1, 8);
    (void)space.categorical("kind", {"a", "b", "d"});
    const Study study = changed(two_trials(), space);
    CHECK(study.space_version() == 1);
    const TrialRecord &first = study.trial(0), &second = study.trial(1);
    CHECK(first.asked().text() == "lr=0.5 n=3 kind=a");
    CHECK(first.configuration.text() == "lr=0.5 n=3 kind=a");
    CHECK(second.configuration.text() == "lr=0.01 n=5 kind=c");
    CHECK_FALSE(study.space().contains(first.configuration));
    CHECK_FALSE(study.space().contains(second.configuration));
    CHECK(study.space().parameters()[2].cardinality() == 3);
    for (const double unit : {0.0, 0.5, 0.999, 1.0})
        CHECK(study.space()[2].to_value(study.space()[2].decode(unit)) != Value(std::string("c")));
    CHECK_THROWS_AS((void)study.space().configuration(second.asked().values()), InvalidConfiguration);
    // Beyond the end of the range, not on it: 0.5 is further than 0.1.
    CHECK(study.space()[0].position(0.5) > 1.2);
    CHECK(study.space()[0].encode(0.5) == 1);
    CHECK(study.times_asked(study.space().decode({1, 0.3, 0.1})) == 0);
    CHECK(study.times_asked(second.configuration) == 1);
}

TEST_CASE("a new parameter has its stated value in old trials, a removed one only what was asked") {
    SearchSpace space;
    (void)space.continuous("dropout", 0.1, 0.5);
    (void)space.integer("n", 1, 5);
    (void)space.categorical("kind", {"a", "b", "c"});
    const Study study = changed(two_trials(), space, {{"dropout", 0.0}});
    CHECK(study.trial(0).configuration.text() == "dropout=0 n=3 kind=a");
    CHECK(study.trial(0).asked().text() == "lr=0.5 n=3 kind=a");
    const Study back = changed(study, first_space());
    CHECK(back.space_version() == 2);
    CHECK(back.trial(0).configuration.text() == "lr=0.5 n=3 kind=a");
    CHECK(back.times_asked(back.space().configuration(back.trial(0).asked().values())) == 1);
    const Study again = changed(back, space, {{"dropout", 0.2}});  // stated anew
    CHECK(again.trial(0).configuration.text() == "dropout=0.2 n=3 kind=a");
    CHECK(again.space().contains(again.trial(0).configuration));
}

TEST_CASE("a change that leaves trials without a value, or states what cannot be, names the parameter") {
    SearchSpace more = first_space();
    (void)more.continuous("dropout", 0, 0.5);
    const Study study = two_trials();
    check_error<InvalidSpace>([&] { changed(study, more); }, {"dropout", "trial 0", "old trials"});
    check_error<InvalidSpace>([&] { changed(study, more, {{"drop", 0.1}}); }, {"'drop'", "dropout"});
    check_error<InvalidSpace>(
        [&] {
            changed(study, more, {{"dropout", std::string("no")}});
        },
        {"dropout", "no", "continuous [0, 0.5]"});
    SearchSpace other_type;
    (void)other_type.continuous("lr", 0.001, 1, Scale::log);
    (void)other_type.categorical("n", {"few", "many"});
    (void)other_type.categorical("kind", {"a", "b", "c"});
    check_error<InvalidSpace>([&] { changed(study, other_type); }, {"parameter n", "trial 0"});
    const Study read = changed(study, other_type, {{"n", std::string("none")}});
    CHECK(read.trial(0).configuration.text() == "lr=0.5 n=none kind=a");
    SearchSpace constant = first_space();
    (void)constant.constant("version", 2);
    CHECK(changed(study, constant).trial(0).configuration.text() == "lr=0.5 n=3 kind=a version=2");
}

TEST_CASE("conditions and constraints of the new space are looked at with the old values") {
    SearchSpace space;
    auto kind = space.categorical("kind", {"a", "b"});
    (void)space.integer("n", 1, 4).when(kind == "a");
    (void)space.continuous("lr", 0.001, 1, Scale::log);
    space.constrain("lr < 0.4");
    const Study study = changed(two_trials(), space);
    CHECK(study.trial(0).configuration.text() == "kind=a n=3 lr=0.5");
    CHECK(study.trial(1).configuration.text() == "kind=c lr=0.01");
    CHECK_FALSE(study.space().contains(study.trial(0).configuration));  // the constraint
}

TEST_CASE("the result of a trial from before says the values really used in its own space") {
    SearchSpace space;
    (void)space.continuous("lr", 0.001, 0.1, Scale::log);
    Study study = changed(two_trials(), space);
    event::Finished told{0, TrialState::completed, {{"y", 1}}, {}, "", {}, {}, {}, {}};
    told.configuration = {{"lr", 0.7}, {"n", std::int64_t{4}}, {"kind", std::string("b")}};
    study.apply({4, told});
    CHECK(study.trial(0).asked().text() == "lr=0.7 n=4 kind=b");
    CHECK(study.trial(0).configuration.text() == "lr=0.7");
    CHECK(study.best()->number == 0);
    CHECK(study.times_asked(study.trial(0).configuration) == 1);
    Study original = two_trials();
    original.apply({4, told});
    const Study later = changed(original, space);
    CHECK(later.trial(0).configuration == study.trial(0).configuration);
}

TEST_CASE("the queue is read in the new space, and what that does not contain leaves it") {
    Study study = two_trials();
    study.apply({2, event::Enqueued{{{"lr", 0.9}, {"n", std::int64_t{1}}, {"kind", std::string("a")}}}});
    study.apply({2, event::Enqueued{{{"lr", 0.05}, {"n", std::int64_t{1}}, {"kind", std::string("b")}}}});
    SearchSpace space;
    (void)space.continuous("lr", 0.001, 0.1, Scale::log);
    (void)space.integer("m", 1, 3);
    study = changed(study, space, {{"m", std::int64_t{2}}});
    REQUIRE(study.enqueued().size() == 1);
    CHECK(study.space().configuration(study.enqueued().at(1)).text() == "lr=0.05 m=2");
}

TEST_CASE("positions go on beyond the range where the scale can, and agree with encode inside") {
    for (const Scale scale : {Scale::linear, Scale::log, Scale::reverse_log, Scale::logit}) {
        SearchSpace space;
        (void)space.continuous("x", 0.2, 0.4, scale);
        const Parameter& p = space[0];
        double last = -1e300;
        for (const double x : {0.05, 0.1, 0.19, 0.2, 0.3, 0.4, 0.45, 0.55}) {
            CHECK(p.position(x) > last);
            last = p.position(x);
            if (p.contains(x)) CHECK(p.position(x) == p.encode(x));
        }
    }
    SearchSpace space;
    (void)space.continuous("x", 0.2, 0.4, Scale::log);
    (void)space.continuous("y", 0.2, 0.2);
    CHECK(std::isnan(space[0].position(0)));
    CHECK(std::isnan(space[0].position(-1)));
    CHECK(std::isnan(space[1].position(0.3)));
    CHECK(space[1].position(0.2) == 0.5);
}
