#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/study/outcome_constraint.hpp"

namespace attune::regret {

/// What there is to be minimised: a space, a function of its configurations and, where known, the optimum.
struct Problem {
    std::string name;
    std::string family;  ///< smooth, multimodal, noisy, mixed, tree, wide, constrained ...
    SearchSpace space;
    std::function<std::optional<double>(const Configuration&)> value;  ///< nothing: the evaluation fails
    double optimum = 0.0;                                              ///< what regret is counted from
    double noise = 0.0;                            ///< standard deviation of what is observed beside `value`
    std::vector<OutcomeConstraint> constraints{};  ///< only what keeps them counts as found
    std::function<Metrics(const Configuration&)> outcomes{};  ///< the constraints' metrics, without noise
};

/// Standard normal number `k` of the stream `seed` (SplitMix64, then Box-Muller), as in the definition of the
/// peers' problems: observation k of a run, in the order of completion, has this noise.
[[nodiscard]] double observation_noise(std::uint64_t seed, std::uint64_t k);

/// A space of `d` continuous parameters x0, x1 ... in [low, high].
[[nodiscard]] SearchSpace box(int d, double low, double high);

/// A function of a vector of numbers as one of configurations.
template <class F>
auto of_numbers(F f) {
    return [f](const Configuration& c) -> std::optional<double> { return f(c.native()); };
}

/// All problems that are defined here; one function for each file of `problems/`.
[[nodiscard]] std::vector<Problem> all_problems();
void add_shown(std::vector<Problem>& problems);
void add_smooth(std::vector<Problem>& problems);
void add_multimodal(std::vector<Problem>& problems);
void add_training(std::vector<Problem>& problems);
void add_trees(std::vector<Problem>& problems);
void add_wide(std::vector<Problem>& problems);
void add_constrained(std::vector<Problem>& problems);
void add_failing(std::vector<Problem>& problems);
void add_outcomes(std::vector<Problem>& problems);

}  // namespace attune::regret
