#include "attune/study/outcome_constraint.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "attune/study/limits.hpp"
#include "attune/study/pareto.hpp"
#include "attune/study/study.hpp"
#include "support/errors.hpp"

using namespace attune;
using attune::test::check_error;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// A study of one parameter that is told what its trials came to.
class Told {
  public:
    Study study;

    explicit Told(std::vector<OutcomeConstraint> constraints,
                  std::vector<Objective> objectives = {maximize("accuracy")}) {
        SearchSpace space;
        (void)space.continuous("x", 0, 1);
        event::Created created;
        created.space = space;
        created.objectives = std::move(objectives);
        created.outcome_constraints = std::move(constraints);
        study.apply({0, created});
    }
    std::int64_t begin() {
        event::Suggested suggested;
        suggested.trial = static_cast<std::int64_t>(study.trials().size());
        suggested.configuration = {{"x", 0.5}};
        study.apply({0, suggested});
        return suggested.trial;
    }
    void report(double step, Metrics metrics) {
        const auto last = static_cast<std::int64_t>(study.trials().size()) - 1;
        study.apply({0, event::Reported{last, step, std::move(metrics)}});
    }
    void end(Metrics metrics, TrialState state = TrialState::completed) {
        const auto last = static_cast<std::int64_t>(study.trials().size()) - 1;
        study.apply({0, event::Finished{last, state, std::move(metrics), {}, "", {}, {}, {}}});
    }
    void trial(Metrics metrics) {
        (void)begin();
        end(std::move(metrics));
    }
};

}  // namespace

TEST_CASE("outcome constraints are written as people write them") {
    CHECK(outcome_constraint_from("latency_ms <= 20") == at_most("latency_ms", 20));
    CHECK(outcome_constraint_from("  validation: recall>=0.9 ") == at_least("validation: recall", 0.9));
    CHECK(outcome_constraint_from("gap >= -1e-3") == at_least("gap", -1e-3));
    CHECK(at_least("recall", 0.9).text() == "recall >= 0.9");
    CHECK(outcome_constraints_text({at_most("a", 1), at_least("b", 2)}) == "a <= 1; b >= 2");
    const auto refused = [](const char* text, const char* why) {
        CHECK_THROWS_WITH_AS((void)outcome_constraint_from(text), doctest::Contains(why), InvalidOption);
    };
    refused("latency 20", "has neither <= nor >=");
    refused("latency < 20", "compares by <");
    refused(" <= 20", "names no metric");
    refused("latency <= fast", "'fast' is no finite number");
    refused("latency <= inf", "no finite number");
    refused("latency <= 20 ms", "'20 ms' is no finite number");
    refused("10 <= latency <= 20", "no finite number");
}

TEST_CASE("a violation is the sum of what lies beyond the bounds, as shares of them") {
    const std::vector<OutcomeConstraint> bounds{at_most("ms", 20), at_least("recall", 0.8),
                                                at_most("gap", 0)};
    CHECK(violation(bounds, {{"ms", 20}, {"recall", 0.8}, {"gap", -3}}) == 0);
    CHECK(violation(bounds, {{"ms", 25}, {"recall", 0.6}, {"gap", 0.5}}) == doctest::Approx(1.0));
    CHECK(violation(bounds, {{"ms", 1}, {"recall", 1}}) == infinity);
    CHECK(violation(bounds, {{"ms", 1}, {"recall", std::nan("")}, {"gap", 0}}) == infinity);
    CHECK(violation({}, {}) == 0);
}

TEST_CASE("the best trial keeps the constraints, however good the others are") {
    Told told({at_most("ms", 20)});
    told.trial({{"accuracy", 0.9}, {"ms", 30}});
    told.trial({{"accuracy", 0.8}, {"ms", 22}});
    CHECK(told.study.best() == nullptr);
    REQUIRE(told.study.nearest_to_constraints() != nullptr);
    CHECK(told.study.nearest_to_constraints()->number == 1);
    told.trial({{"accuracy", 0.7}, {"ms", 20}});
    told.trial({{"accuracy", 0.6}, {"ms", 1}});
    REQUIRE(told.study.best() != nullptr);
    CHECK(told.study.best()->number == 2);
    CHECK(told.study.keeps_constraints(told.study.trial(3)));
    CHECK(told.study.broken_constraints(told.study.trial(0)) == std::vector{at_most("ms", 20)});
    CHECK(told.study.broken_constraints(told.study.trial(2)).empty());
}

TEST_CASE("a trial without the constraint's metric is not the best") {
    Told told({at_most("ms", 20)});
    (void)told.begin();
    told.report(1, {{"accuracy", 0.9}});
    told.end({}, TrialState::stopped);
    CHECK(told.study.broken_constraints(told.study.trial(0)).empty());  // it is not known
    CHECK(told.study.best() == nullptr);
    CHECK(told.study.nearest_to_constraints() == nullptr);
}

TEST_CASE("final metrics come from the best report that keeps the constraints") {
    Told told({at_most("ms", 20)});
    (void)told.begin();
    told.report(1, {{"accuracy", 0.6}, {"ms", 10}});
    told.report(2, {{"accuracy", 0.7}, {"ms", 15}});
    told.report(3, {{"accuracy", 0.9}, {"ms", 25}});
    told.end({});
    CHECK(told.study.value(told.study.trial(0)) == 0.7);
    CHECK(told.study.trial(0).metric("ms") == 15);
    SUBCASE("what is measured once, early, does not choose the report") {
        (void)told.begin();
        told.report(1, {{"accuracy", 0.3}, {"ms", 12}});
        told.report(2, {{"accuracy", 0.8}});
        told.end({});
        CHECK(told.study.value(told.study.trial(1)) == 0.8);
        CHECK(told.study.trial(1).metric("ms") == 12);
    }
    SUBCASE("what is measured once, at the end, counts for the trial") {
        (void)told.begin();
        told.report(1, {{"accuracy", 0.8}});
        told.report(2, {{"accuracy", 0.75}});
        told.report(3, {{"ms", 12}});
        told.end({});
        CHECK(told.study.value(told.study.trial(1)) == 0.8);
        CHECK(told.study.trial(1).metric("ms") == 12);
        CHECK(told.study.best()->number == 1);
    }
}

TEST_CASE("the Pareto front is of trials that keep the constraints") {
    Told told({at_most("ms", 20)}, {maximize("accuracy"), minimize("size")});
    told.trial({{"accuracy", 0.9}, {"size", 1}, {"ms", 30}});
    told.trial({{"accuracy", 0.8}, {"size", 2}, {"ms", 20}});
    told.trial({{"accuracy", 0.7}, {"size", 1}, {"ms", 5}});
    told.trial({{"accuracy", 0.7}, {"size", 3}, {"ms", 5}});
    CHECK(pareto_front(told.study) == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("two bounds that no value keeps are refused, touching ones are not") {
    CHECK_NOTHROW(check_outcome_constraints({at_least("ms", 2), at_most("ms", 2), at_most("recall", 1)}));
    check_error<InvalidOption>(
        [] {
            check_outcome_constraints({at_least("ms", 3), at_most("ms", 2)});
        },
        {"'ms <= 2' and 'ms >= 3'", "no value keeps both"});
    check_error<InvalidOption>([] { check_outcome_constraints({at_most("", 2)}); }, {"needs a metric"});
    check_error<InvalidOption>([] { check_outcome_constraints({at_most("ms", infinity)}); },
                               {"finite bound"});
}

TEST_CASE("no improvement: while nothing keeps the bounds, coming nearer is one") {
    Told told({at_most("ms", 20)});
    const Limit limit = no_improvement(2);
    const auto ends = [&] { return limit.reached({told.study, 0, 0}).has_value(); };
    told.trial({{"accuracy", 0.5}, {"ms", 40}});
    told.trial({{"accuracy", 0.9}, {"ms", 50}});
    CHECK_FALSE(ends());
    told.trial({{"accuracy", 0.1}, {"ms", 30}});
    told.trial({{"accuracy", 0.9}, {"ms", 35}});
    CHECK_FALSE(ends());
    told.trial({{"accuracy", 0.9}, {"ms", 35}});
    CHECK(ends());
    told.trial({{"accuracy", 0.1}, {"ms", 20}});
    CHECK_FALSE(ends());
}
