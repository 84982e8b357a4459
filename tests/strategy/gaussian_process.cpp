#include "attune/strategy/gaussian_process.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>

#include "attune/strategy/random_search.hpp"
#include "strategy/gp_support.hpp"
#include "support/test_functions.hpp"

namespace {

using attune::AnyStrategy;
using attune::Configuration;
using attune::GaussianProcess;
using attune::SearchSpace;
using attune::Study;
using attune::SuggestionRequest;

using Function = std::function<double(const std::vector<double>&)>;

SearchSpace box(int d, double low, double high) {
    SearchSpace space;
    for (int i = 0; i < d; ++i) space.continuous(fmt::format("x{}", i), low, high);
    return space;
}

SearchSpace mixed_space() {
    SearchSpace space;
    const auto optimizer = space.categorical("optimizer", {"sgd", "adam", "rmsprop"});
    space.integer("batch", 16, 512, attune::Scale::log);
    space.continuous("lr", 1e-5, 1.0, attune::Scale::log);
    space.continuous("dropout", 0.0, 0.7).step(0.1);
    space.continuous("momentum", 0.0, 0.99).when(optimizer == "sgd");
    space.constrain("batch * dropout <= 100");
    return space;
}

double mixed_loss(const Configuration& c) {
    const auto& x = c.native();
    const double momentum = std::isnan(x[4]) ? 0.3 : (x[4] - 0.9) * (x[4] - 0.9);
    return std::pow(std::log10(x[2]) + 2, 2) + 0.1 * x[0] + x[3] + momentum +
           0.1 * std::pow(std::log2(x[1]) - 6, 2);
}

SuggestionRequest next(const Study& study) {
    return attune::test::request_for(static_cast<std::int64_t>(study.trials().size()));
}

/// Best value of `trials` trials, `workers` at a time, the oldest finishing first.
double best_of(AnyStrategy strategy, Study study, const Function& f, int trials, int workers = 1) {
    std::vector<std::int64_t> running;
    double best = std::numeric_limits<double>::infinity();
    const auto finish = [&] {
        const double value = f(study.trial(running.front()).configuration.native());
        attune::test::finish_trial(study, running.front(), {{"y", value}});
        running.erase(running.begin());
        best = std::min(best, value);
    };
    for (int k = 0; k < trials; ++k) {
        const auto suggestion = strategy.suggest(study, next(study));
        REQUIRE(suggestion.has_value());
        running.push_back(attune::test::begin_trial(study, *suggestion));
        if (static_cast<int>(running.size()) == workers) finish();
    }
    while (!running.empty()) finish();
    return best;
}

double median_of(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

// Fixed seeds, so the outcome is the same in every run on one kind of processor; where rounding differs, they
// act as fresh ones. Measured over 200 other seeds, a run of 30 trials is within the bounds below on Branin
// in 193 cases one at a time and 194 two at a time, on Hartmann in 176 and 158. So the median of nine misses
// with a probability of 0.2 % and 2.4 % on Hartmann, next to never on Branin. Random search is within them in
// 271 and 565 of 100,000 runs: its median of nine would pass with a probability below 1e-9.
TEST_CASE("thirty trials come close to the optimum of Branin and Hartmann, one or two at a time") {
    for (const int workers : {1, 2}) {
        std::vector<double> branin_best;
        std::vector<double> hartmann_best;
        for (std::uint64_t seed = 0; seed < 9; ++seed) {
            branin_best.push_back(best_of(GaussianProcess{},
                                          attune::test::study_of(
                                              [] {
                                                  SearchSpace s;
                                                  s.continuous("x0", -5, 10);
                                                  s.continuous("x1", 0, 15);
                                                  return s;
                                              }(),
                                              {attune::minimize("y")}, seed),
                                          attune::test::branin, 30, workers));
            hartmann_best.push_back(best_of(
                GaussianProcess{}, attune::test::study_of(box(6, 0, 1), {attune::minimize("y")}, seed),
                attune::test::hartmann_6, 30, workers));
        }
        CHECK(median_of(branin_best) - 0.39788735772973816 < 5e-3);
        CHECK(median_of(hartmann_best) + 3.322368011415512 < 0.4);
    }
}

TEST_CASE("maximising finds what minimising the negative finds") {
    const auto run = [](const attune::Objective& objective, double sign) {
        auto study = attune::test::study_of(box(2, 0, 1), {objective}, 4);
        std::vector<std::vector<double>> asked;
        for (int k = 0; k < 12; ++k) {
            const auto s = GaussianProcess{}.suggest(study, next(study));
            REQUIRE(s.has_value());
            asked.push_back(s->configuration.native());
            const double x = asked.back()[0] - 0.3;
            const double y = asked.back()[1] - 0.8;
            attune::test::run_trial(study, *s, {{objective.metric, sign * (x * x + y * y)}});
        }
        return asked;
    };
    CHECK(run(attune::minimize("y"), 1.0) == run(attune::maximize("y"), -1.0));
}

TEST_CASE(
    "mixed, conditional, stepped and constrained parameters: every suggestion is legal and new, and the loss "
    "falls") {
    auto study = attune::test::study_of(mixed_space(), {attune::minimize("y")}, 1);
    double best_first = std::numeric_limits<double>::infinity();
    double best = best_first;
    for (int k = 0; k < 40; ++k) {
        const auto s = GaussianProcess{}.suggest(study, next(study));
        REQUIRE(s.has_value());
        CHECK(study.space().satisfies(s->configuration));
        CHECK(study.times_asked(s->configuration) == 0);
        CHECK(study.space().configuration(s->configuration.values()) == s->configuration);
        CHECK_FALSE(s->reason.empty());
        const double loss = mixed_loss(s->configuration);
        best = std::min(best, loss);
        if (k < 6) best_first = best;
        attune::test::run_trial(study, *s, {{"y", loss}});
    }
    CHECK(best < 0.2);
    CHECK(best < 0.5 * best_first);
}

TEST_CASE("the same study gives the same suggestion, whatever was asked of the object before") {
    auto study = attune::test::study_of(mixed_space(), {attune::minimize("y")}, 2);
    GaussianProcess used;
    for (int k = 0; k < 14; ++k) {
        const auto a = used.suggest(study, next(study));
        const auto b = GaussianProcess{}.suggest(study, next(study));
        REQUIRE(a.has_value());
        CHECK(a->configuration == b->configuration);
        CHECK(a->fit == b->fit);
        CHECK(a->reason == b->reason);
        const auto retry = used.suggest(study, attune::test::request_for(next(study).trial, 1));
        CHECK(retry.has_value());
        const auto trial = attune::test::begin_trial(study, *a);
        if (k % 3 != 2) attune::test::finish_trial(study, trial, {{"y", mixed_loss(a->configuration)}});
    }
}

TEST_CASE("the first trials are the centre and Sobol points; fits are stored from the first model on") {
    auto study = attune::test::study_of(box(2, 0, 1), {attune::minimize("y")}, 5);
    const GaussianProcess strategy({.initial_trials = 3});
    for (int k = 0; k < 5; ++k) {
        const auto s = strategy.suggest(study, next(study));
        REQUIRE(s.has_value());
        CHECK((s->role == "initial") == (k < 3));
        CHECK(s->fit.empty() == (k < 3));
        if (k == 0) CHECK(s->configuration.native() == std::vector<double>{0.5, 0.5});
        attune::test::run_trial(study, *s, {{"y", 1.0 * k}});
    }
}

TEST_CASE("nothing finished, everything failed, NaN, infinities, equal and huge values: suggestions go on") {
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<std::function<void(Study&, std::int64_t, int)>> outcomes{
        [](Study&, std::int64_t, int) {},
        [](Study& s, std::int64_t t, int) {
            attune::test::finish_trial(s, t, {}, attune::TrialState::failed,
                                       attune::FailureKind::configuration);
        },
        [](Study& s, std::int64_t t, int) {
            attune::test::finish_trial(s, t, {}, attune::TrialState::failed,
                                       attune::FailureKind::environment);
        },
        [](Study& s, std::int64_t t, int k) {
            attune::test::finish_trial(s, t, {{"y", k % 2 == 0 ? std::nan("") : 1.0}});
        },
        [inf](Study& s, std::int64_t t, int k) {
            attune::test::finish_trial(s, t, {{"y", k % 3 == 0 ? inf : k % 3 == 1 ? -inf : k}});
        },
        [](Study& s, std::int64_t t, int) {
            attune::test::finish_trial(s, t, {{"y", 3.0}});
        },
        [](Study& s, std::int64_t t, int k) {
            attune::test::finish_trial(s, t, {{"y", k % 2 == 0 ? 1e308 : -1e308}});
        },
        [](Study& s, std::int64_t t, int k) {
            attune::test::finish_trial(s, t, {{"y", 1e-300 * k}}, attune::TrialState::stopped);
        },
    };
    for (std::size_t kind = 0; kind < outcomes.size(); ++kind) {
        CAPTURE(kind);
        auto study = attune::test::study_of(mixed_space(), {attune::minimize("y")}, 6 + kind);
        for (int k = 0; k < 16; ++k) {
            const auto s = GaussianProcess{}.suggest(study, next(study));
            REQUIRE(s.has_value());
            CHECK(study.times_asked(s->configuration) == 0);
            outcomes[kind](study, attune::test::begin_trial(study, *s), k);
        }
    }
}

TEST_CASE("a region where trials fail is left, and its edge found") {
    // The optimum lies at the edge. Of 60 other seeds 49 came below 0.6, so three of five do in 96 %.
    int failed_late = 0, close = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        auto study = attune::test::study_of(box(2, 0, 1), {attune::minimize("y")}, seed);
        for (int k = 0; k < 30; ++k) {
            const auto s = GaussianProcess{}.suggest(study, next(study));
            REQUIRE(s.has_value());
            const auto& x = s->configuration.native();
            const auto trial = attune::test::begin_trial(study, *s);
            if (x[0] < 0.5) {
                attune::test::finish_trial(study, trial, {}, attune::TrialState::failed,
                                           attune::FailureKind::configuration);
                failed_late += k >= 15;
            } else {
                attune::test::finish_trial(study, trial, {{"y", x[0] + x[1]}});
            }
        }
        REQUIRE(study.best() != nullptr);
        close += study.value(*study.best()) < 0.6 ? 1 : 0;
    }
    CHECK(failed_late <= 25);  // of 75; uniform draws would fail in half of them
    CHECK(close >= 3);
}

TEST_CASE("trials in flight are not asked again, nor their neighbourhood") {
    auto study = attune::test::study_of(box(1, 0, 1), {attune::minimize("y")}, 8);
    for (int k = 0; k < 6; ++k) {
        const auto s = GaussianProcess{}.suggest(study, next(study));
        attune::test::run_trial(study, *s, {{"y", std::sin(9 * s->configuration.native()[0])}});
    }
    std::vector<double> asked;
    for (int k = 0; k < 6; ++k) {
        const auto s = GaussianProcess{}.suggest(study, next(study));
        REQUIRE(s.has_value());
        asked.push_back(s->configuration.native()[0]);
        attune::test::begin_trial(study, *s);
    }
    std::sort(asked.begin(), asked.end());
    for (std::size_t i = 1; i < asked.size(); ++i) CHECK(asked[i] - asked[i - 1] > 1e-3);
}

TEST_CASE("fixed values are respected for one ask") {
    auto study = attune::test::study_of(mixed_space(), {attune::minimize("y")}, 9);
    const double nan = std::nan("");
    for (int k = 0; k < 12; ++k) {
        auto request = next(study);
        if (k % 2 == 0)
            request.fixed = {0.0, nan, nan, nan, 0.5};
        else
            request.fixed = {1.0, 64.0, nan, 0.2, nan};
        const auto s = GaussianProcess{}.suggest(study, request);
        REQUIRE(s.has_value());
        const auto& x = s->configuration.native();
        if (k % 2 == 0)
            CHECK((x[0] == 0.0 && x[4] == 0.5));
        else
            CHECK((x[0] == 1.0 && x[1] == 64.0 && x[3] == 0.2 && std::isnan(x[4])));
        attune::test::run_trial(study, *s, {{"y", mixed_loss(s->configuration)}});
    }
    auto all = next(study);
    all.fixed = {1.0, 32.0, 0.01, 0.1, nan};
    const auto s = GaussianProcess{}.suggest(study, all);
    REQUIRE(s.has_value());
    CHECK(s->configuration.native()[2] == 0.01);
}

TEST_CASE("a finite space is asked exactly once each, then spent") {
    SearchSpace space;
    const auto kind = space.categorical("kind", {"x", "y"});
    space.integer("n", 1, 6).when(kind == "y");
    auto study = attune::test::study_of(space, {attune::minimize("y")}, 10);
    std::set<std::string> seen;
    for (int k = 0; k < 7; ++k) {
        const auto s = GaussianProcess{}.suggest(study, next(study));
        REQUIRE(s.has_value());
        CHECK(seen.insert(s->configuration.text()).second);
        attune::test::run_trial(study, *s, {{"y", 0.1 * k}});
    }
    CHECK_FALSE(GaussianProcess{}.suggest(study, next(study)).has_value());
    auto again = next(study);
    again.duplicates = attune::Duplicates::allow();
    CHECK(GaussianProcess{}.suggest(study, again).has_value());
}

TEST_CASE("spaces of one point, of no parameter, and of many parameters") {
    SearchSpace constant;
    constant.constant("seed", 3);
    auto study = attune::test::study_of(constant, {attune::minimize("y")}, 11);
    const auto only = GaussianProcess{}.suggest(study, next(study));
    REQUIRE(only.has_value());
    attune::test::run_trial(study, *only, {{"y", 1.0}});
    CHECK_FALSE(GaussianProcess{}.suggest(study, next(study)).has_value());

    auto wide = attune::test::study_of(box(40, -1, 1), {attune::minimize("y")}, 12);
    for (int k = 0; k < 14; ++k) {
        const auto s = GaussianProcess{}.suggest(wide, next(wide));
        REQUIRE(s.has_value());
        attune::test::run_trial(wide, *s, {{"y", s->configuration.native()[3]}});
    }
}

TEST_CASE("two objectives: the front has its ends and its middle") {
    auto study = attune::test::study_of(box(2, 0, 1), {attune::minimize("a"), attune::maximize("b")}, 13);
    int near_front = 0;
    double least_a = 1e9;
    double most_b = -1e9;
    for (int k = 0; k < 40; ++k) {
        const auto s = GaussianProcess{}.suggest(study, next(study));
        REQUIRE(s.has_value());
        const auto& x = s->configuration.native();
        const double a = x[0] * x[0] + std::pow(x[1] - 0.5, 2);
        const double b = -std::pow(x[0] - 1, 2) - std::pow(x[1] - 0.5, 2);
        // The front is x1 = 0.5 with any x0.
        near_front += k >= 20 && std::abs(x[1] - 0.5) < 0.1;
        least_a = std::min(least_a, a);
        most_b = std::max(most_b, b);
        attune::test::run_trial(study, *s, {{"a", a}, {"b", b}});
    }
    CHECK(near_front >= 12);
    // Within a twentieth of what can be had (a from 0 to 1.25); the weights are random.
    CHECK(least_a < 0.0625);
    CHECK(most_b > -0.0625);
}

TEST_CASE("up to four objectives go by hypervolume with a fit for each, more by random weights") {
    for (const int m : {3, 4, 5}) {
        CAPTURE(m);
        std::vector<attune::Objective> objectives;
        for (int k = 0; k < m; ++k) objectives.push_back(attune::minimize("f" + std::to_string(k)));
        auto study = attune::test::study_of(box(2, 0, 1), objectives, 17);
        for (int k = 0; k < 8; ++k) {
            const auto s = GaussianProcess{}.suggest(study, next(study));
            REQUIRE(s.has_value());
            if (k == 7) {
                const bool by_volume =
                    s->reason.find("log expected hypervolume improvement") != std::string::npos;
                CHECK(by_volume == (m <= 4));
                CHECK((s->reason.find("random weighting") != std::string::npos) == (m > 4));
                CHECK(std::ranges::count(s->fit, '\n') == (m <= 4 ? m - 1 : 0));
            }
            const auto& x = s->configuration.native();
            attune::Metrics metrics;
            for (int j = 0; j < m; ++j) metrics["f" + std::to_string(j)] = std::pow(x[0] - 0.2 * j, 2) + x[1];
            attune::test::run_trial(study, *s, metrics);
        }
    }
}

TEST_CASE("options outside their range are refused") {
    CHECK_THROWS_WITH_AS(GaussianProcess({.initial_trials = -1}), doctest::Contains("initial_trials (-1)"),
                         attune::InvalidOption);
    CHECK_THROWS_AS(GaussianProcess({.starts = 0}), attune::InvalidOption);
    CHECK_THROWS_AS(GaussianProcess({.refit_growth = 0.5}), attune::InvalidOption);
}
