#include "problem.hpp"

namespace attune::regret {
namespace {

std::uint64_t splitmix64(std::uint64_t z) {
    z += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

}  // namespace

double observation_noise(std::uint64_t seed, std::uint64_t k) {
    const std::uint64_t base = (seed & 0xFFFFFFFF) << 32 | ((2 * k) & 0xFFFFFFFF);
    const double u1 = static_cast<double>((splitmix64(base) >> 11) + 1) / 9007199254740993.0;
    const double u2 = static_cast<double>(splitmix64(base + 1) >> 11) / 9007199254740992.0;
    return std::sqrt(-2.0 * std::log(u1)) * std::cos(6.283185307179586476925 * u2);
}

SearchSpace box(int d, double low, double high) {
    SearchSpace space;
    for (int i = 0; i < d; ++i) space.continuous(fmt::format("x{}", i), low, high);
    return space;
}

std::vector<Problem> all_problems() {
    std::vector<Problem> problems;
    add_shown(problems);
    add_smooth(problems);
    add_multimodal(problems);
    add_training(problems);
    add_trees(problems);
    add_wide(problems);
    add_constrained(problems);
    add_failing(problems);
    add_outcomes(problems);
    return problems;
}

}  // namespace attune::regret
