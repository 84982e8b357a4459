// What tuning meets: log scales, whole numbers and choices, noise, runs that diverge or fail.
#include "../problem.hpp"

namespace attune::regret {
namespace {

using Vector = std::vector<double>;

double square(double x) { return x * x; }

/// Learning rate, weight decay, warm-up, label smoothing, drop path: losses grow without bounds beyond the
/// edge of stability.
double network5(const Vector& v) {
    const double e = std::log10(v[0]), w = std::log10(v[1]);
    const double q = 0.5 * square(e + 2.6 + 0.15 * (w + 3)) + 0.08 * square(w + 3.2) +
                     0.3 * square(v[2] - 0.1 - 0.05 * (e + 2.6)) + 2 * square(v[3] - 0.08) +
                     0.7 * square(v[4] - 0.2);
    const double loss = 0.8 + 1.5 * (1 - std::exp(-q));
    return e + 0.4 * v[2] > -1.4 ? loss + std::pow(10.0, 2.5 * (e + 1.4)) : loss;
}

/// Boosted trees: trees, rate, depth, leaves, rows, columns, loss function.
double boosting7(const Vector& v) {
    constexpr double offset[] = {0.0, 0.012, 0.03};
    const double effort = std::log(v[0] * v[1]);
    double q = 0.12 * square(effort - 3.2) + 0.02 * square(std::log(v[1]) + 2.8);
    q += 0.02 * square(v[2] - 6 + 0.4 * (effort - 3.2)) + 0.03 * square(std::log(v[3]) - 2.5);
    q += 0.6 * square(v[4] - 0.75) + 0.35 * square(v[5] - 0.6);
    return 0.12 + offset[static_cast<int>(v[6])] + 0.3 * (1 - std::exp(-q));
}

/// Eight on-off and small whole parameters, half of them working in pairs.
double switches8(const Vector& v) {
    double sum = 0;
    for (std::size_t i = 0; i < 4; ++i) sum += v[i] == static_cast<double>((i * 2 + 1) % 3) ? 0.0 : 0.3;
    for (std::size_t i = 4; i < 8; ++i) sum += 0.05 * square(v[i] - static_cast<double>(i));
    sum += v[0] == v[1] ? 0.25 : 0.0;
    return sum + 0.02 * std::abs(v[4] - v[6] + 2) + 0.04 * std::abs(v[5] - v[7] + 2);
}

/// A kernel machine on a scale of accuracies: three kernels that want other settings.
double kernel4(const Vector& v) {
    const double c = std::log10(v[1]), g = std::log10(v[2]);
    double q = 0;
    switch (static_cast<int>(v[0])) {
        case 0:
            q = 0.15 * square(c - 0.5) + 0.1;
            break;
        case 1:
            q = 0.2 * square(c - 1.2 + 0.3 * (g + 2)) + 0.35 * square(g + 2);
            break;
        default:
            q = 0.3 * square(c + g + 1.5) + 0.1 * square(v[3] - 3) + 0.05;
            break;
    }
    return std::round((0.05 + 0.5 * (1 - std::exp(-q))) * 500) / 500;
}

/// Half of the space fails: rate times depth beyond a bound, and a bad choice.
std::optional<double> failing4(const Configuration& configuration) {
    const Vector& v = configuration.native();
    if (v[0] * v[1] > 0.6 || (v[3] == 2.0 && v[2] > 0.3)) return std::nullopt;
    return square(std::log10(v[0]) + 1.6) + 0.1 * square(v[1] - 11) + square(v[2] - 0.55) + 0.2 * v[3];
}

}  // namespace

void add_training(std::vector<Problem>& problems) {
    SearchSpace network;
    network.continuous("lr", 1e-5, 1.0, Scale::log);
    network.continuous("weight_decay", 1e-6, 1e-1, Scale::log);
    network.continuous("warmup", 0, 0.5);
    network.continuous("smoothing", 0, 0.3);
    network.continuous("drop_path", 0, 0.6);
    problems.push_back({"network5", "noisy", network, of_numbers(network5), 0.8, 0.01});
    problems.push_back({"network5_exact", "smooth", network, of_numbers(network5), 0.8});

    SearchSpace boosting;
    boosting.integer("trees", 20, 2000, Scale::log);
    boosting.continuous("rate", 1e-3, 0.5, Scale::log);
    boosting.integer("depth", 2, 12);
    boosting.integer("leaf", 1, 200, Scale::log);
    boosting.continuous("rows", 0.3, 1.0).step(0.05);
    boosting.continuous("columns", 0.2, 1.0);
    boosting.categorical("loss", {"deviance", "exponential", "hinge"});
    problems.push_back({"boosting7", "mixed", boosting, of_numbers(boosting7), 0.12, 0.003});

    SearchSpace switches;
    for (int i = 0; i < 4; ++i) switches.categorical(fmt::format("c{}", i), {"a", "b", "c"});
    for (int i = 4; i < 8; ++i) switches.integer(fmt::format("n{}", i), 0, 12);
    problems.push_back({"switches8", "mixed", switches, of_numbers(switches8), 0.0});

    SearchSpace kernel;
    kernel.categorical("kernel", {"linear", "rbf", "poly"});
    kernel.continuous("C", 1e-3, 1e3, Scale::log);
    kernel.continuous("gamma", 1e-5, 10.0, Scale::log);
    kernel.integer("degree", 2, 5);
    problems.push_back({"kernel4", "mixed", kernel, of_numbers(kernel4), 0.05});

    SearchSpace failing;
    failing.continuous("rate", 1e-4, 1.0, Scale::log);
    failing.integer("depth", 1, 20);
    failing.continuous("drop", 0, 1);
    failing.categorical("kind", {"p", "q", "r"});
    problems.push_back({"failing4", "failing", failing, failing4, 0.0});
}

}  // namespace attune::regret
