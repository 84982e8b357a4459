// Bounds on what is measured beside the loss.
#include <numbers>

#include "../problem.hpp"
#include "support/test_functions.hpp"

namespace attune::regret {
namespace {

using Numbers = std::vector<double>;
constexpr double tau = 2 * std::numbers::pi;

double square(double x) { return x * x; }

/// Gramacy et al., "Modeling an augmented Lagrangian for blackbox constrained optimization", 2016.
Metrics toy_outcomes(const Configuration& c) {
    const Numbers& x = c.native();
    return {{"wave", x[0] + 2 * x[1] + 0.5 * std::sin(tau * (x[0] * x[0] - 2 * x[1]))},
            {"square", x[0] * x[0] + x[1] * x[1]}};
}

/// The design of a spring (Arora 1989): wire, coil and number of turns; the logarithm of its weight.
double spring_weight(const Numbers& x) { return std::log((x[2] + 2) * x[1] * x[0] * x[0]); }
Metrics spring_outcomes(const Configuration& c) {
    const Numbers& x = c.native();
    const double d = x[0], coil = x[1], turns = x[2];
    return {{"deflection", std::pow(coil, 3) * turns / (71785 * std::pow(d, 4))},
            {"stress", (4 * coil * coil - coil * d) / (12566 * (coil * std::pow(d, 3) - std::pow(d, 4))) +
                           1 / (5108 * d * d)},
            {"frequency", 140.45 * d / (coil * coil * turns)},
            {"diameter", (d + coil) / 1.5}};
}

/// The design of a welded beam (Coello 2000): its cost.
double beam_cost(const Numbers& x) {
    return 1.10471 * x[0] * x[0] * x[1] + 0.04811 * x[2] * x[3] * (14 + x[1]);
}
Metrics beam_outcomes(const Configuration& c) {
    const Numbers& x = c.native();
    const double h = x[0], l = x[1], t = x[2], b = x[3];
    constexpr double force = 6000, length = 14, young = 30e6, shear = 12e6;
    const double moment = force * (length + l / 2);
    const double radius = std::sqrt(l * l / 4 + square((h + t) / 2));
    const double inertia = 2 * std::sqrt(2.0) * h * l * (l * l / 12 + square((h + t) / 2));
    const double direct = force / (std::sqrt(2.0) * h * l), twist = moment * radius / inertia;
    const double buckling = 4.013 * young * std::sqrt(t * t * std::pow(b, 6) / 36) / (length * length) *
                            (1 - t / (2 * length) * std::sqrt(young / (4 * shear)));
    return {{"shear", std::sqrt(direct * direct + direct * twist * l / radius + twist * twist)},
            {"bending", 6 * force * length / (b * t * t)},
            {"weld", h - b},
            {"deflection", 4 * force * std::pow(length, 3) / (young * std::pow(t, 3) * b)},
            {"buckling", buckling}};
}

/// A network whose error falls with its size while its latency rises: the best lies at the bound.
double network_error(const Configuration& c) {
    const Numbers& x = c.native();
    const double depth = x[0], width = x[1], resolution = 32 * x[2], kernel = x[3];
    return 0.05 + 0.5 * std::pow(depth, -0.6) + 2 * std::pow(width, -0.8) + 3 * std::pow(resolution, -0.7) -
           0.01 * kernel + 0.02 * square(std::log10(x[4]) + 2.5);
}
Metrics network_latency(const Configuration& c) {
    const Numbers& x = c.native();
    const double kernel = 3 + 2 * x[3];
    return {{"latency_ms", 1e-8 * x[0] * x[1] * x[1] * 32 * x[2] * square(kernel) / 9 * 1.5 + 2}};
}

}  // namespace

void add_outcomes(std::vector<Problem>& problems) {
    const auto sum = [](const Numbers& x) { return x[0] + x[1]; };
    problems.push_back({"outcome_toy2",
                        "outcome",
                        box(2, 0, 1),
                        of_numbers(sum),
                        0.5997880520100676,
                        0,
                        {at_least("wave", 1.5), at_most("square", 1.5)},
                        toy_outcomes});

    // The norm of the optimum is 0.946.
    const auto norm = [](const Configuration& c) {
        double squares = 0;
        for (const double x : c.native()) squares += x * x;
        return Metrics{{"norm", std::sqrt(squares)}};
    };
    problems.push_back({"outcome_hartmann6",
                        "outcome",
                        box(6, 0, 1),
                        of_numbers(test::hartmann_6),
                        -3.322368011415512,
                        0,
                        {at_most("norm", 1)},
                        norm});

    SearchSpace spring;
    spring.continuous("wire", 0.05, 2);
    spring.continuous("coil", 0.25, 1.3);
    spring.continuous("turns", 2, 15);
    problems.push_back(
        {"outcome_spring3",
         "outcome",
         spring,
         of_numbers(spring_weight),
         std::log(0.012665232788319422),
         0,
         {at_least("deflection", 1), at_most("stress", 1), at_least("frequency", 1), at_most("diameter", 1)},
         spring_outcomes});

    SearchSpace beam;
    beam.continuous("weld", 0.125, 10);
    beam.continuous("length", 0.1, 10);
    beam.continuous("height", 0.1, 10);
    beam.continuous("thickness", 0.1, 10);
    problems.push_back({"outcome_beam4",
                        "outcome",
                        beam,
                        of_numbers(beam_cost),
                        1.724852308597554,
                        0,
                        {at_most("shear", 13600), at_most("bending", 30000), at_most("weld", 0),
                         at_most("deflection", 0.25), at_least("buckling", 6000)},
                        beam_outcomes});

    SearchSpace network;
    network.integer("depth", 2, 60, Scale::log);
    network.integer("width", 16, 512, Scale::log);
    network.integer("resolution", 1, 12);
    network.categorical("kernel", {3, 5, 7});
    network.continuous("lr", 1e-5, 1, Scale::log);
    problems.push_back({"outcome_network5",
                        "outcome",
                        network,
                        network_error,
                        0.20200273573506583,
                        0,
                        {at_most("latency_ms", 4)},
                        network_latency});
}

}  // namespace attune::regret
