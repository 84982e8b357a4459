// What the Gaussian process promises whatever the objective: legal suggestions, replays, few data.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "attune/gp/study_space.hpp"
#include "attune/strategy/gaussian_process.hpp"
#include "strategy/gp_support.hpp"

namespace {

using attune::GaussianProcess;
using attune::SearchSpace;
using attune::Study;

/// Constraints between numbers of all kinds, some of them only there for one choice.
SearchSpace constrained_space() {
    SearchSpace space;
    const auto kind = space.categorical("kind", {"a", "b"});
    space.continuous("x", 0.0, 1.0);
    space.continuous("y", 1e-3, 10.0, attune::Scale::log);
    space.integer("n", 1, 40);
    space.continuous("s", 0.0, 1.0).step(0.125).when(kind == "b");
    space.constrain("x + s <= 1.2");
    space.constrain("n * x <= 12");
    space.constrain("y >= x / 10");
    return space;
}

double loss(const attune::Configuration& c) {
    const auto& v = c.native();
    return std::pow(v[1] - 0.9, 2) + 0.1 * std::pow(std::log10(v[2]) + 1, 2) + 0.01 * std::abs(v[3] - 14) +
           (std::isnan(v[4]) ? 0.2 : std::abs(v[4] - 0.5));
}

attune::SuggestionRequest next(const Study& study) {
    return attune::test::request_for(static_cast<std::int64_t>(study.trials().size()));
}

Study of_events(const std::vector<attune::Event>& events, std::uint64_t count) {
    Study study;
    for (std::uint64_t i = 0; i < count; ++i) study.apply(events[i]);
    return study;
}

}  // namespace

TEST_CASE(
    "of a million candidates none that passes breaks a constraint, and the model sees what would be asked") {
    const SearchSpace space = constrained_space();
    const attune::StudySpace seen(space, {}, [](const attune::Configuration&) { return true; });
    attune::RandomStream stream(3, 0, attune::Purpose::user);
    Eigen::RowVectorXd draft(5);
    Eigen::RowVectorXd point(5);
    int passed = 0;
    int illegal = 0;
    int different = 0;
    for (int i = 0; i < 1'000'000; ++i) {
        for (double& u : draft) u = stream.uniform();
        if (!seen.express(draft, point)) continue;
        ++passed;
        const auto configuration = seen.configuration(draft);
        illegal += !space.satisfies(configuration);
        if (i % 16 != 0) continue;
        const Eigen::RowVectorXd again = seen.point(configuration);
        for (Eigen::Index j = 0; j < 5; ++j)
            different += std::isnan(point[j]) != std::isnan(again[j]) ||
                         (!std::isnan(point[j]) && std::abs(point[j] - again[j]) > 1e-9);
    }
    CHECK(passed > 100'000);
    CHECK(passed < 900'000);
    CHECK(illegal == 0);
    CHECK(different == 0);
}

TEST_CASE("ten thousand suggestions in a constrained space: every one legal and new") {
    // Small models make it quick; what is legal is decided elsewhere.
    const GaussianProcess strategy({.most_observations = 12, .candidates = 16, .starts = 1});
    int illegal = 0;
    int repeated = 0;
    int asked = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        auto study = attune::test::study_of(constrained_space(), {attune::minimize("y")}, seed);
        for (int k = 0; k < 500; ++k, ++asked) {
            const auto s = strategy.suggest(study, next(study));
            REQUIRE(s.has_value());
            illegal += !study.space().satisfies(s->configuration);
            repeated += study.times_asked(s->configuration) != 0;
            attune::test::run_trial(study, *s, {{"y", loss(s->configuration)}});
        }
    }
    CHECK(asked == 10'000);
    CHECK(illegal == 0);
    CHECK(repeated == 0);
}

TEST_CASE("a parallel study is replayed from its recorded views, bit for bit") {
    for (const int most : {0, 20}) {
        CAPTURE(most);
        const GaussianProcess strategy({.most_observations = most});
        attune::RandomStream order(5, 0, attune::Purpose::user);
        std::vector<attune::Event> events;
        Study study;
        const auto add = [&](attune::Event event) {
            study.apply(event);
            events.push_back(std::move(event));
        };
        attune::event::Created created;
        created.seed = 11;
        created.space = constrained_space();
        created.objectives = {attune::minimize("y")};
        add({0, created});
        std::vector<std::int64_t> running;
        for (int k = 0; k < 45; ++k) {
            const auto s = strategy.suggest(study, next(study));
            REQUIRE(s.has_value());
            attune::event::Suggested body;
            body.trial = k;
            body.configuration = s->configuration.values();
            body.view = study.position();
            body.reason = s->reason;
            body.role = s->role;
            body.fit = s->fit;
            add({0, body});
            running.push_back(k);
            while (running.size() >= 4) {
                const auto which = static_cast<std::ptrdiff_t>(order.below(running.size()));
                attune::event::Finished end;
                end.trial = running[static_cast<std::size_t>(which)];
                end.state = attune::TrialState::completed;
                end.metrics = {{"y", loss(study.trial(end.trial).configuration)}};
                running.erase(running.begin() + which);
                add({0, end});
            }
        }
        for (const attune::TrialRecord& trial : study.trials()) {
            const Study view = of_events(events, trial.view);
            const auto again = GaussianProcess({.most_observations = most})
                                   .suggest(view, attune::test::request_for(trial.number));
            REQUIRE(again.has_value());
            CHECK(again->configuration == trial.configuration);
            CHECK(again->fit == trial.fit);
            CHECK(again->reason == trial.suggestion_reason);
        }
    }
}

TEST_CASE(
    "one free parameter beside fixed ones, and nine of ten trials failed: suggestions stay legal and learn") {
    auto study = attune::test::study_of(constrained_space(), {attune::minimize("y")}, 21);
    auto request = next(study);
    for (int k = 0; k < 25; ++k) {
        request = next(study);
        request.fixed = {0.0, std::nan(""), 0.1, 14.0, std::nan("")};
        const auto s = GaussianProcess{}.suggest(study, request);
        REQUIRE(s.has_value());
        CHECK(study.space().satisfies(s->configuration));
        CHECK(s->configuration.native()[3] == 14.0);
        const auto trial = attune::test::begin_trial(study, *s);
        if (k % 10 != 0)
            attune::test::finish_trial(study, trial, {}, attune::TrialState::failed,
                                       attune::FailureKind::configuration);
        else
            attune::test::finish_trial(study, trial, {{"y", loss(s->configuration)}});
    }
}

TEST_CASE("past the most observations of a model the search still goes on to the optimum") {
    SearchSpace space;
    for (const char* name : {"a", "b"}) space.continuous(name, 0.0, 1.0);
    auto study = attune::test::study_of(space, {attune::minimize("y")}, 3);
    const GaussianProcess strategy({.most_observations = 24});
    for (int k = 0; k < 120; ++k) {
        const auto s = strategy.suggest(study, next(study));
        REQUIRE(s.has_value());
        const auto& x = s->configuration.native();
        const double y = std::pow(x[0] - 0.31, 2) + 3 * std::pow(x[1] - 0.72, 2) + 0.1 * std::sin(9 * x[0]);
        attune::test::run_trial(study, *s, {{"y", y}});
    }
    // The least value, by a fine grid.
    double least = 1.0;
    for (double a = 0; a <= 1; a += 1e-4)
        least = std::min(least, std::pow(a - 0.31, 2) + 0.1 * std::sin(9 * a));
    CHECK(study.value(*study.best()) - least < 1e-5);
}
