// A second file of the same host: what headers define must stand in both, and in the program once.
#include <attune/bayes.hpp>
#include <attune/core.hpp>

bool second_file_tunes() {
    attune::SearchSpace space;
    auto x = space.continuous("x", -1.0, 2.0);
    attune::Tuner tuner{space, attune::minimize("y"), attune::CmaEs{}};
    return tuner.run({.max_trials = 20}, [&](attune::Trial& trial) { return trial[x] * trial[x]; })
               .best_value() < 0.5;
}
