// Spaces whose parameters exist on some branches only.
#include "../problem.hpp"

namespace attune::regret {
namespace {

using Vector = std::vector<double>;

double square(double x) { return x * x; }

/// Two layers of choices, as in Jenatton et al., "Bayesian optimization with tree-structured dependencies",
/// 2017: every leaf has a number of its own beside one that it shares with its sister.
double binary_tree(const Vector& v) {
    const bool left = v[0] == 0;
    const bool inner_left = left ? v[1] == 0 : v[2] == 0;
    const double shared = left ? v[3] : v[4];
    const std::size_t leaf = (left ? 0U : 2U) + (inner_left ? 0U : 1U);
    return square(v[5 + leaf] - 0.3 - 0.1 * static_cast<double>(leaf)) + 0.1 * static_cast<double>(leaf) +
           shared + 0.1;
}

/// Four algorithms, each with two or three numbers of its own, and two that all have.
double algorithms11(const Vector& v) {
    double loss = 0.2 * square(v[1] - 0.4) + 0.1 * square(v[2] - 0.7);
    switch (static_cast<int>(v[0])) {
        case 0:
            return loss + 0.15 + 0.3 * square(std::log10(v[3]) + 2) + square(v[4] - 0.2);
        case 1:
            return loss + 0.10 + 0.5 * square(v[5] - 0.8) + 0.8 * square(v[6] - 0.1 - 0.5 * v[5]);
        case 2:
            return loss + 0.05 * square(v[7] - 5) + square(v[8] - 0.6) + 0.4 * square(v[9] - v[8]);
        default:
            return loss + 0.25 + square(v[10] - 0.5);
    }
}

/// A network with one to four layers: the width and rate of layer k exist from k layers on.
double layers9(const Vector& v) {
    const auto count = static_cast<std::size_t>(v[0]);
    double loss = 0.1 * square(v[0] - 3);
    for (std::size_t k = 0; k < count; ++k)
        loss += (0.08 * square(std::log2(v[1 + k]) - 7 + 0.8 * static_cast<double>(k)) +
                 square(v[5 + k] - 0.15 * static_cast<double>(k + 1))) /
                v[0];
    return loss;
}

}  // namespace

void add_trees(std::vector<Problem>& problems) {
    SearchSpace tree;
    const auto top = tree.categorical("top", {"l", "r"});
    const auto inner_l = tree.categorical("inner_l", {"l", "r"}).when(top == "l");
    const auto inner_r = tree.categorical("inner_r", {"l", "r"}).when(top == "r");
    tree.continuous("shared_l", 0, 1).when(top == "l");
    tree.continuous("shared_r", 0, 1).when(top == "r");
    tree.continuous("leaf0", -1, 1).when(inner_l == "l");
    tree.continuous("leaf1", -1, 1).when(inner_l == "r");
    tree.continuous("leaf2", -1, 1).when(inner_r == "l");
    tree.continuous("leaf3", -1, 1).when(inner_r == "r");
    problems.push_back({"binary_tree9", "tree", tree, of_numbers(binary_tree), 0.1});

    SearchSpace algorithms;
    const auto algorithm = algorithms.categorical("algorithm", {"linear", "forest", "boost", "bayes"});
    algorithms.continuous("scaling", 0, 1);
    algorithms.continuous("selection", 0, 1);
    algorithms.continuous("penalty", 1e-5, 10, Scale::log).when(algorithm == "linear");
    algorithms.continuous("mix", 0, 1).when(algorithm == "linear");
    algorithms.continuous("features", 0, 1).when(algorithm == "forest");
    algorithms.continuous("pruning", 0, 1).when(algorithm == "forest");
    algorithms.integer("depth", 1, 12).when(algorithm == "boost");
    algorithms.continuous("rate", 0, 1).when(algorithm == "boost");
    algorithms.continuous("rows", 0, 1).when(algorithm == "boost");
    algorithms.continuous("smoothing", 0, 1).when(algorithm == "bayes");
    problems.push_back({"algorithms11", "tree", algorithms, of_numbers(algorithms11), 0.0});

    SearchSpace layers;
    const auto count = layers.integer("layers", 1, 4);
    for (int k = 0; k < 4; ++k)
        if (k == 0)
            layers.integer("width0", 8, 1024, Scale::log);
        else
            layers.integer(fmt::format("width{}", k), 8, 1024, Scale::log).when(count >= k + 1);
    for (int k = 0; k < 4; ++k)
        if (k == 0)
            layers.continuous("drop0", 0, 0.9);
        else
            layers.continuous(fmt::format("drop{}", k), 0, 0.9).when(count >= k + 1);
    problems.push_back({"layers9", "tree", layers, of_numbers(layers9), 0.0});
}

}  // namespace attune::regret
