// Those of the comparison with the peers that need no data.
#include "../problem.hpp"
#include "support/test_functions.hpp"

namespace attune::regret {
namespace {

double ackley5(std::vector<double> v) {
    constexpr double centre[] = {4.1, -7.3, 2.2, 9.6, -5.5};
    for (std::size_t i = 0; i < v.size(); ++i) v[i] -= centre[i];
    return test::ackley(v);
}

/// Error of an imagined fine-tuning run: learning rate, momentum, weight decay.
double finetune3(const std::vector<double>& v) {
    const double e = std::log10(v[0]) - std::log10(1.0 - v[1]);
    const double w = v[2] / 0.001;
    const double q = 0.9 * (e + 1) * (e + 1) + 0.8 * (v[1] - 0.85) * (v[1] - 0.85) +
                     0.25 * std::pow(w - 0.45 - 0.25 * (e + 1), 2);
    return 1.0 - 0.36 * std::exp(-q) / (1.0 + std::exp(6.0 * (e - 0.3)));
}

/// Optimiser, batch size, learning rate, dropout, momentum (of sgd alone).
double mixed5(const std::vector<double>& v) {
    constexpr double base[] = {0.300, 0.310, 0.325, 0.340};
    constexpr double best[] = {-1.2, -3.0, -3.3, -1.8};
    constexpr double curvature[] = {0.55, 0.35, 0.50, 0.30};
    const auto optimiser = static_cast<int>(v[0]);
    double e = std::log10(v[2]);
    double q = 0;
    if (optimiser == 0) {
        e -= std::log10(1.0 - v[4]);
        q += 0.8 * (v[4] - 0.9) * (v[4] - 0.9);
    }
    const double lb = std::log2(v[1]) - 6.0;
    q += curvature[optimiser] * std::pow(e - best[optimiser] - 0.15 * lb, 2) + 0.02 * lb * lb +
         1.2 * (v[3] - 0.25) * (v[3] - 0.25);
    return base[optimiser] + (0.95 - base[optimiser]) * (1.0 - std::exp(-q));
}

}  // namespace

void add_shown(std::vector<Problem>& problems) {
    SearchSpace plane;
    plane.continuous("x0", -5, 10);
    plane.continuous("x1", 0, 15);
    problems.push_back({"branin", "shown", plane, of_numbers(test::branin), 0.39788735772973816});
    problems.push_back(
        {"hartmann6", "shown", box(6, 0, 1), of_numbers(test::hartmann_6), -3.322368011415512});
    problems.push_back({"ackley5", "shown", box(5, -15, 15), of_numbers(ackley5), 0.0});
    SearchSpace rates;
    rates.continuous("lr", 0.001, 0.5, Scale::log);
    rates.continuous("momentum", 0, 0.99);
    rates.continuous("weight_decay", 0, 0.001);
    problems.push_back({"finetune3", "shown", rates, of_numbers(finetune3), 0.6401468454325698, 0.002});
    SearchSpace mixed;
    const auto optimiser = mixed.categorical("optimizer", {"sgd", "adam", "rmsprop", "adagrad"});
    mixed.integer("batch_size", 16, 512, Scale::log);
    mixed.continuous("lr", 1e-5, 1.0, Scale::log);
    mixed.continuous("dropout", 0, 0.7);
    mixed.continuous("momentum", 0, 0.99).when(optimiser == "sgd");
    problems.push_back({"mixed5", "shown", mixed, of_numbers(mixed5), 0.300});
}

}  // namespace attune::regret
