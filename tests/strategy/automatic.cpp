#include "attune/strategy/automatic.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/strategy_contract.hpp"

using namespace attune;

namespace {

SearchSpace numbers() {
    SearchSpace space;
    for (int i = 0; i < 3; ++i) (void)space.continuous("x" + std::to_string(i), 0, 1);
    (void)space.categorical("kind", {"a", "b"});
    return space;
}

SearchSpace tree() {
    SearchSpace space;
    auto kind = space.categorical("kind", {"a", "b", "c"});
    (void)space.continuous("x", 0, 1).when(kind == "a");
    (void)space.continuous("y", 0, 1).when(kind == "b");
    return space;
}

/// A study of uniform draws of which each took so long, and what is asked after it.
std::string reason_after(const SearchSpace& space, int trials, double seconds, int flying = 0,
                         AutomaticOptions options = {}) {
    test::StudyScript script(space, minimize("loss"));
    double now = 0;
    for (int i = 0; i < trials + flying; ++i) {
        SuggestionRequest request;
        request.trial = i;
        event::Suggested suggested;
        suggested.trial = i;
        const Configuration c = RandomSearch{}.suggest(script.study, request)->configuration;
        suggested.configuration = c.values();
        suggested.view = script.study.position();
        script.apply(suggested, now);
        if (i < trials) script.tell(i, test::bowl(c), now += seconds);
    }
    SuggestionRequest request;
    request.trial = trials + flying;
    Automatic strategy(options);
    return strategy.suggest(script.study, request)->reason;
}

}  // namespace

TEST_CASE("few trials, and slow ones, are asked for by the Gaussian process") {
    CHECK(reason_after(numbers(), 0, 0).starts_with("gaussian_process (the best for up to 300 trials): "));
    CHECK(reason_after(numbers(), 20, 0).starts_with("gaussian_process (the best"));
    CHECK(reason_after(numbers(), 40, 60, 0, {.model_trials = 30})
              .starts_with("gaussian_process (trials of 60 s, far more than asking costs): "));
}

TEST_CASE("many quick trials are asked for by what the space suits") {
    CHECK(reason_after(numbers(), 40, 1e-4, 0, {.model_trials = 30})
              .starts_with("cma_es (40 trials of 0.0001 s; mostly numbers): drawn by"));
    CHECK(reason_after(tree(), 40, 1e-4, 0, {.model_trials = 30})
              .starts_with("tpe (40 trials of 0.0001 s; choices and conditions): "));
    CHECK(reason_after(numbers(), 20, 60, 70).starts_with("cma_es (70 trials in flight; mostly numbers): "));
}

TEST_CASE("its options are checked") {
    CHECK_THROWS_AS(Automatic{{.model_trials = -1}}, InvalidOption);
    CHECK_THROWS_AS(Automatic{{.patience = -1}}, InvalidOption);
    CHECK_THROWS_AS(Automatic{{.parallel = 0}}, InvalidOption);
}
