// A host of core alone: tunes a function and checks what comes back.
#include <attune/bayes.hpp>
#include <attune/core.hpp>

#include <cstdio>

#ifdef ATTUNE_TWO_FILES
bool second_file_tunes();  // second.cpp
#else
static bool second_file_tunes() { return true; }
#endif

int main() {
    attune::SearchSpace space;
    auto x = space.continuous("x", -1.0, 2.0);
    attune::Tuner tuner{space, attune::minimize("y"), attune::GaussianProcess{}};
    const auto outcome = tuner.run({.max_trials = 15},
                                   [&](attune::Trial& trial) { return (trial[x] - 0.5) * (trial[x] - 0.5); });
    std::printf("best y %g at x %g: %s\n", outcome.best_value(), outcome.best().configuration[x],
                outcome.reason().c_str());
    return outcome.best_value() < 0.01 && second_file_tunes() ? 0 : 1;
}
