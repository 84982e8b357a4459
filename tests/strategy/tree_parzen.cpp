#include "attune/strategy/tree_parzen.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "support/strategy_contract.hpp"

using namespace attune;
using attune::detail::ParzenMixture;
using attune::test::StrategyRun;

namespace {

/// All configurations of a finite space.
std::vector<Configuration> all_of(const SearchSpace& space) {
    std::vector<std::vector<double>> axes;
    for (const Parameter& p : space.parameters())
        axes.push_back(axis_values(p, std::numeric_limits<double>::infinity()));
    std::vector<Configuration> out;
    for_each_configuration(space, axes, [&](const Configuration& c) {
        out.push_back(c);
        return true;
    });
    return out;
}

SearchSpace tree() {
    SearchSpace space;
    auto kind = space.categorical("kind", {"a", "b", "c"});
    auto n = space.integer("n", 1, 6).when(kind == "a");
    (void)space.integer("log", 1, 9, Scale::log).when(n > 3 || kind == "b");
    (void)space.continuous("share", 0, 1).step(0.25);
    (void)space.categorical("only", {"one"});
    return space;
}

double best_after(const AnyStrategy& strategy, std::uint64_t seed, int trials) {
    StrategyRun run(strategy, test::mixed_space(), {minimize("loss")}, seed);
    run.go(trials);
    return run.study().value(*run.study().best());
}

}  // namespace

TEST_CASE("the density over a conditional space sums to one, and draws follow it") {
    const SearchSpace space = tree();
    const std::vector<Configuration> all = all_of(space);
    for (const std::size_t stride : {1UL, 7UL, 50UL, 1000UL})
        for (const ParzenKernels kind : {ParzenKernels::half_gap, ParzenKernels::full_gap}) {
            std::vector<Configuration> centres;
            for (std::size_t i = stride / 2; i < all.size(); i += stride) centres.push_back(all[i]);
            std::vector<double> weights(centres.size() + 1, 0.5);
            weights.back() = 1;
            const ParzenMixture mixture(space, centres, weights, kind);
            std::map<std::string, int> drawn;
            RandomStream stream(1, stride, Purpose::user);
            constexpr int draws = 20'000;
            const SuggestionRequest request;
            for (int i = 0; i < draws; ++i)
                ++drawn[request.complete(space, mixture.draw(stream).native).text()];
            double sum = 0;
            for (const Configuration& configuration : all) {
                const double share = std::exp(mixture.log_density(configuration));
                sum += share;
                // Six standard deviations (and two for small counts), about 100 comparisons: a false alarm in
                // a million.
                const double wanted = share * draws;
                CHECK(std::abs(drawn[configuration.text()] - wanted) <= 6 * std::sqrt(wanted) + 2);
            }
            CHECK(sum == doctest::Approx(1).epsilon(1e-12));
        }
}

TEST_CASE("the density of a continuous parameter integrates to one") {
    SearchSpace space;
    auto x = space.continuous("x", 1e-3, 10, Scale::log);
    std::vector<Configuration> centres;
    for (const double value : {1e-3, 0.02, 0.0201, 9.0})
        centres.push_back(space.configuration({{"x", value}}));
    for (const ParzenKernels kind : {ParzenKernels::half_gap, ParzenKernels::full_gap}) {
        const ParzenMixture mixture(space, centres, {1, 1, 1, 1, 0.1}, kind);
        double sum = 0;
        constexpr int cells = 20'000;
        for (int i = 0; i < cells; ++i)
            sum +=
                std::exp(mixture.log_density(space.from_native({space[x.index].decode((i + 0.5) / cells)})));
        CHECK(sum / cells * std::log10(10 / 1e-3) == doctest::Approx(1).epsilon(1e-6));
    }
}

TEST_CASE("60 trials find more than 60 random ones do") {
    int wins = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed)
        wins += best_after(TreeParzen{}, seed, 60) < best_after(RandomSearch{}, seed, 60) ? 1 : 0;
    CHECK(wins >= 30);  // of a strategy that is no better than random: once in a thousand
}

TEST_CASE("a branch that is good is asked more often, with good values of its own parameters") {
    SearchSpace space;
    auto kind = space.categorical("kind", {"a", "b", "c", "d"});
    auto own = space.continuous("own", 0, 1).when(kind == "b");
    StrategyRun run(TreeParzen{}, space);
    int of_b = 0, near = 0;
    for (int i = 0; i < 60; ++i) {
        const Configuration c = run.ask()->configuration;
        const auto value = c.find(own);
        if (i >= 30) of_b += value ? 1 : 0;
        if (i >= 30 && value) near += std::abs(*value - 0.7) < 0.15 ? 1 : 0;
        run.tell(value ? std::abs(*value - 0.7) : 0.5);
    }
    CHECK(of_b >= 20);
    CHECK(2 * near >= of_b);
}

TEST_CASE("where configurations fail little is asked") {
    SearchSpace space;
    auto x = space.continuous("x", 0, 1);
    (void)space.continuous("y", 0, 1);
    StrategyRun run(TreeParzen{}, space);
    int failing = 0;
    for (int i = 0; i < 80; ++i) {
        const double at = run.ask()->configuration[x];
        if (i >= 40) failing += at > 0.5 ? 1 : 0;
        if (at > 0.5)
            run.fail(FailureKind::configuration);
        else
            run.tell(-at);  // best beside the failing half
    }
    CHECK(failing <= 20);
}

TEST_CASE("with several objectives the search goes to where both are good") {
    SearchSpace space;
    auto x = space.continuous("x", 0, 1);
    auto y = space.continuous("y", 0, 1);
    test::StudyScript script(space, {minimize("near"), maximize("far")});
    int good = 0;
    for (int i = 0; i < 80; ++i) {
        SuggestionRequest request;
        request.trial = i;
        const Configuration c = TreeParzen{}.suggest(script.study, request)->configuration;
        event::Suggested suggested;
        suggested.trial = i;
        suggested.configuration = c.values();
        suggested.view = script.study.position();
        script.apply(suggested, i);
        const double loss = std::abs(c[y] - 0.25);  // the front: y = 0.25, any x
        script.apply(
            event::Finished{
                i, TrialState::completed, {{"near", c[x] + loss}, {"far", c[x] - loss}}, {}, "", {}, {}, {}},
            i);
        if (i >= 40) good += loss < 0.15 ? 1 : 0;
    }
    CHECK(good >= 24);  // uniform draws: 12 of 40
}

TEST_CASE("what a changed space does not contain is neither asked nor a centre") {
    SearchSpace before, after;
    (void)before.categorical("kind", {"a", "b"});
    (void)before.continuous("x", 0, 1);
    auto kind = after.categorical("kind", {"b", "c", "d"});
    auto x = after.continuous("x", 0, 0.4);
    test::StudyScript script(before, minimize("loss"));
    const auto tell = [&](int trial, const event::Values& values, double loss) {
        event::Suggested suggested;
        suggested.trial = trial;
        suggested.configuration = values;
        suggested.view = script.study.position();
        script.apply(suggested, trial);
        script.tell(trial, loss, trial);
    };
    for (int i = 0; i < 30; ++i)  // the best are gone: of kind a, or beyond 0.4
        tell(i, {{"kind", std::string(i % 2 == 0 ? "a" : "b")}, {"x", i / 30.0}},
             i % 2 == 0 ? 0 : 1 - i / 30.0);
    script.apply(event::SpaceChanged{after, {}}, 30);
    int of_d = 0, at_the_edge = 0;
    for (int i = 30; i < 60; ++i) {
        SuggestionRequest request;
        request.trial = i;
        const auto suggestion = TreeParzen{}.suggest(script.study, request);
        REQUIRE(suggestion);
        const Configuration& c = suggestion->configuration;
        CHECK(script.study.space().contains(c));
        of_d += c[kind] == "d" ? 1 : 0;
        at_the_edge += c[x] > 0.39 ? 1 : 0;
        tell(i, c.values(), 2);
    }
    CHECK(of_d < 25);
    CHECK(at_the_edge < 10);
}

TEST_CASE("options are checked") {
    CHECK_THROWS_AS(TreeParzen{{.initial_trials = 0}}, InvalidOption);
    CHECK_THROWS_AS(TreeParzen{{.good_share = 1}}, InvalidOption);
    CHECK_THROWS_AS(TreeParzen{{.most_good = 0}}, InvalidOption);
    CHECK_THROWS_AS(TreeParzen{{.candidates = 0}}, InvalidOption);
    CHECK_THROWS_AS(TreeParzen{{.uniform_weight = 0}}, InvalidOption);
    CHECK_THROWS_AS(TreeParzen{{.full_weight = 0}}, InvalidOption);
}
