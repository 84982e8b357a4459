#include "attune/strategy/study_model.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "attune/strategy/converged.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "attune/strategy/sobol.hpp"
#include "strategy/gp_support.hpp"

using namespace attune;

namespace {

SearchSpace three_kinds() {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    (void)space.integer("n", 1, 9);
    (void)space.categorical("kind", {"a", "b", "c"});
    return space;
}

/// Best at x = 0.3, n = 6, kind b, with 1.
double score(const Configuration& c) {
    const auto& v = c.native();
    return 1 - std::pow(v[0] - 0.3, 2) - 0.01 * std::pow(v[1] - 6, 2) - (v[2] == 1 ? 0 : 0.1);
}

/// `noise` times a normal number is seen beside the score.
template <class S>
Study searched(S strategy, int trials, std::uint64_t seed, double noise = 0) {
    Study study = test::study_of(three_kinds(), {maximize("score")}, seed);
    RandomStream stream(seed, 7, Purpose::user);
    for (int k = 0; k < trials; ++k) {
        const auto s = strategy.suggest(study, test::request_for(k));
        REQUIRE(s.has_value());
        test::run_trial(study, *s, {{"score", score(s->configuration) + noise * stream.normal()}});
    }
    return study;
}

RunProgress progress(const Study& study) { return {study, 0, 0}; }

}  // namespace

TEST_CASE("a model says what a configuration it has not seen would come to, and how sure it is") {
    const Study study = searched(Sobol{}, 60, 1);
    const StudyModel model(study);
    REQUIRE(model.usable());
    CHECK(model.trials() == 60);
    RandomStream stream(9, 0, Purpose::user);
    int inside = 0;
    double error = 0;
    constexpr int cases = 200;
    for (int k = 0; k < cases; ++k) {
        std::vector<double> unit(3);
        for (double& u : unit) u = stream.uniform();
        const Configuration c = test::request_for(0).decode(study.space(), unit);
        const BelievedValue value = model.predict(c);
        CHECK(value.low <= value.middle);
        CHECK(value.middle <= value.high);
        inside += score(c) >= value.low && score(c) <= value.high ? 1 : 0;
        error += std::abs(score(c) - value.middle) / cases;
    }
    CHECK(inside > 0.85 * cases);
    CHECK(error < 0.03);
}

TEST_CASE("draws have the means and intervals that are predicted, and go together where points are near") {
    const Study study = searched(Sobol{}, 20, 2, 0.02);
    const StudyModel model(study);
    const SearchSpace& space = study.space();
    const Configuration here = space.from_native({0.52, 3, 0}), beside = space.from_native({0.525, 3, 0});
    RandomStream stream(4, 0, Purpose::user);
    const auto draws = model.sample({here, beside}, 4000, stream);
    REQUIRE(draws.size() == 4000);
    const BelievedValue value = model.predict(here);
    int inside = 0, below = 0;
    double together = 0, apart = 0;
    for (const auto& draw : draws) {
        REQUIRE(draw.size() == 2);
        inside += draw[0] >= value.low && draw[0] <= value.high ? 1 : 0;
        below += draw[0] < value.middle ? 1 : 0;
        together += std::abs(draw[0] - draw[1]);
        apart += std::abs(draw[0] - value.middle);
    }
    CHECK(inside == doctest::Approx(0.95 * 4000).epsilon(0.02));
    CHECK(below == doctest::Approx(2000).epsilon(0.06));
    CHECK(together < 0.5 * apart);
}

TEST_CASE("trials foretold from the others: good where there is a rule, none where there is not") {
    const ForecastQuality rule = StudyModel(searched(Sobol{}, 40, 3, 0.01)).quality();
    CHECK(rule.trials == 40);
    CHECK(rule.rank_correlation > 0.9);
    CHECK(rule.covered > 0.85);
    Study noise = test::study_of(three_kinds(), {minimize("y")}, 3);
    RandomStream stream(3, 0, Purpose::user);
    for (int k = 0; k < 40; ++k)
        test::run_trial(noise, *Sobol{}.suggest(noise, test::request_for(k)), {{"y", stream.normal()}});
    CHECK(std::abs(StudyModel(noise).quality().rank_correlation) < 0.5);
}

TEST_CASE("the believed best is not taken in by a lucky value") {
    Study study = searched(Sobol{}, 40, 5);
    // A poor configuration that was lucky once, among repeats that say the truth.
    const Configuration poor = study.space().from_native({0.9, 2, 2});
    for (const double value : {1.5, 0.4, 0.35, 0.45, 0.38, 0.42, 0.41})
        test::run_trial(study, {poor, "", "", ""}, {{"score", value}});
    CHECK(study.best()->configuration == poor);
    const auto best = StudyModel(study).best(3);
    REQUIRE(best.size() == 3);
    CHECK(!(study.trial(best[0].trial).configuration == poor));
    CHECK(best[0].believed.middle >= best[1].believed.middle);
    double chances = 0;
    for (const BelievedBest& b : StudyModel(study).best(1000)) chances += b.chance_best;
    CHECK(chances == doctest::Approx(1));
}

TEST_CASE("trials that break outcome constraints are evidence, but not the believed best") {
    Study study = test::study_of(three_kinds(), {maximize("score")}, 0, {at_most("n", 4)});
    for (int k = 0; k < 40; ++k) {
        const auto s = k < 20 ? Sobol{}.suggest(study, test::request_for(k))
                              : GaussianProcess{}.suggest(study, test::request_for(k));
        test::run_trial(study, *s, {{"score", score(s->configuration)}, {"n", s->configuration.native()[1]}});
    }
    const StudyModel model(study);
    CHECK(model.trials() == 40);
    for (const BelievedBest& best : model.best(40))
        CHECK(study.trial(best.trial).configuration.native()[1] <= 4);
    // What is better lies beyond the bound, and is no improvement.
    CHECK(model.best(1).front().believed.middle < 0.97);
    CHECK(model.chance_of_improvement(0.02) < 0.2);
    for (const StudyModel::GoodRange& range : model.good_region(0.02))
        if (range.parameter == 1) CHECK(range.high <= 4);
}

TEST_CASE("slices and the region of good values lie where the score is good") {
    const Study study = searched(GaussianProcess{}, 40, 6);
    const StudyModel model(study);
    const Configuration& around = study.best()->configuration;
    const StudyModel::Slice x = model.slice(0, around);
    REQUIRE(x.at.size() == 41);
    std::size_t top = 0;
    for (std::size_t i = 0; i < x.at.size(); ++i)
        if (x.believed[i].middle > x.believed[top].middle) top = i;
    CHECK(x.at[top] == doctest::Approx(0.3).epsilon(0.15));
    CHECK(model.slice(1, around).at == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(model.slice(2, around).at.size() == 3);
    const auto region = model.good_region(0.02);
    REQUIRE(region.size() == 3);
    CHECK(region[0].low > 0.05);
    CHECK(region[0].low < 0.3);
    CHECK(region[0].high > 0.3);
    CHECK(region[0].high < 0.55);
    CHECK(region[1].low >= 4);
    CHECK(region[1].high <= 8);
    CHECK(region[2].choices == std::vector<double>{1});
    CHECK(region[2].share == doctest::Approx(1.0 / 3));
}

TEST_CASE("slices leave out what constraints and conditions forbid") {
    SearchSpace space;
    (void)space.continuous("x", 0, 1);
    const auto kind = space.categorical("kind", {"a", "b"});
    (void)space.continuous("y", 0, 1).when(kind == "b");
    space.constrain("x + y <= 1.2");
    Study study = test::study_of(space, {minimize("loss")}, 1);
    for (int k = 0; k < 15; ++k) {
        const auto s = Sobol{}.suggest(study, test::request_for(k));
        test::run_trial(study, *s, {{"loss", s->configuration.native()[0]}});
    }
    const StudyModel model(study);
    const StudyModel::Slice x = model.slice(0, space.from_native({0.1, 1, 0.7}), 11);
    CHECK(x.at.back() == doctest::Approx(0.5));
    CHECK(model.slice(2, space.from_native({0.1, 0, 0.5})).at.empty());
}

TEST_CASE("a model of nothing says so") {
    Study study = test::study_of(three_kinds(), {maximize("score")}, 1);
    const StudyModel nothing(study);
    CHECK(!nothing.usable());
    CHECK_THROWS_WITH_AS((void)nothing.predict(study.space().from_native({0.5, 1, 0})),
                         doctest::Contains("two trials that have a value"), InvalidState);
    CHECK_THROWS_WITH_AS(StudyModel(study, 1), doctest::Contains("objective (1) must be below"),
                         InvalidOption);
}

TEST_CASE("the chance of improvement is high while the best is far off and low when it was found") {
    const Study few = searched(Sobol{}, 8, 8), many = searched(GaussianProcess{}, 45, 8);
    const double early = StudyModel(few).chance_of_improvement(0.01);
    const double late = StudyModel(many).chance_of_improvement(0.01);
    CHECK(early > 0.5);
    CHECK(late < 0.05);
    CHECK(StudyModel(many).chance_of_improvement(0) >= late);
}

TEST_CASE("a run ends when improvements are unlikely, and not before the best was found") {
    const Limit limit = converged();
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        CAPTURE(seed);
        Study study = test::study_of(three_kinds(), {maximize("score")}, seed);
        GaussianProcess strategy;
        std::optional<std::string> ended;
        int trials = 0;
        for (; trials < 100 && !ended; ++trials) {
            const auto s = strategy.suggest(study, test::request_for(trials));
            test::run_trial(study, *s, {{"score", score(s->configuration)}});
            ended = limit.reached(progress(study));
            if (ended) CHECK(ended == converged().reached(progress(study)));  // a fresh one says the same
        }
        REQUIRE(ended.has_value());
        CHECK(trials >= 20);
        CHECK(trials < 60);
        CHECK(study.value(*study.best()) > 0.99);
        CHECK(ended->find("an improvement of score by more than 1 % is unlikely (chance 0") == 0);
    }
}

TEST_CASE("convergence options are checked") {
    CHECK_THROWS_WITH_AS((void)converged({.share = 0}), doctest::Contains("share (0) must be above 0"),
                         InvalidOption);
    CHECK_THROWS_WITH_AS((void)converged({.chance = 1}), doctest::Contains("chance (1)"), InvalidOption);
    CHECK_THROWS_WITH_AS((void)converged({.minimum_trials = 1}), doctest::Contains("minimum_trials (1)"),
                         InvalidOption);
    CHECK_THROWS_WITH_AS((void)converged({.amount = -1.0}), doctest::Contains("amount (-1)"), InvalidOption);
}
