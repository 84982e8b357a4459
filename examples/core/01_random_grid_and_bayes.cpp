// Finds the minimum of a function with a known optimum in three ways. Branin has its least value, 0.397887,
// at three points.
#include <attune/bayes.hpp>
#include <attune/core.hpp>

#include <cmath>
#include <cstdio>

namespace {

double branin(double x, double y) {
    const double pi = 3.14159265358979323846;
    const double a = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
    return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

}  // namespace

int main() {
    attune::SearchSpace space;
    auto x = space.continuous("x", -5.0, 10.0);
    auto y = space.continuous("y", 0.0, 15.0);

    const auto search = [&](const char* name, attune::AnyStrategy strategy) {
        attune::Tuner tuner{space, attune::minimize("branin"), strategy, attune::TunerOptions{.seed = 1}};
        const auto outcome =
            tuner.run({.max_trials = 36}, [&](attune::Trial& trial) { return branin(trial[x], trial[y]); });
        std::printf("%-18s %.6f after %zu trials (%s)\n", name, outcome.best_value(),
                    outcome.study().trials().size(), outcome.best().configuration.text().c_str());
        return outcome.best_value();
    };
    search("random", attune::RandomSearch{});
    search("grid", attune::Grid{{.levels = 6}});
    const double best = search("Gaussian process", attune::GaussianProcess{});
    return best < 0.45 ? 0 : 1;
}
