#include "problems.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace attune::fronts {
namespace {

using std::numbers::pi;

SearchSpace box(int d, double low, double high) {
    SearchSpace space;
    for (int i = 0; i < d; ++i) (void)space.continuous("x" + std::to_string(i), low, high);
    return space;
}

template <class F>
auto of_numbers(F f) {
    return [f](const Configuration& c) -> Losses { return f(c.native()); };
}

using X = std::vector<double>;

double branin(double x, double y) {
    const double a = y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6;
    return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

double currin(double x, double y) {
    const double factor = y == 0 ? 1 : 1 - std::exp(-1 / (2 * y));
    return factor * (2300 * x * x * x + 1900 * x * x + 2092 * x + 60) /
           (100 * x * x * x + 500 * x * x + 4 * x + 20);
}

Losses branin_currin(const X& x) { return {branin(15 * x[0] - 5, 15 * x[1]), currin(x[0], x[1])}; }

double zdt_distance(const X& x) {
    double sum = 0;
    for (std::size_t i = 1; i < x.size(); ++i) sum += x[i];
    return 1 + 9 * sum / static_cast<double>(x.size() - 1);
}

Losses zdt1(const X& x) {
    const double g = zdt_distance(x);
    return {x[0], g * (1 - std::sqrt(x[0] / g))};
}

Losses zdt2(const X& x) {
    const double g = zdt_distance(x);
    return {x[0], g * (1 - std::pow(x[0] / g, 2))};
}

Losses zdt3(const X& x) {
    const double g = zdt_distance(x);
    return {x[0], g * (1 - std::sqrt(x[0] / g) - x[0] / g * std::sin(10 * pi * x[0]))};
}

/// The sphere's positive part: m losses of unit length on the front.
Losses dtlz2(const X& x, std::size_t m) {
    double g = 0;
    for (std::size_t i = m - 1; i < x.size(); ++i) g += (x[i] - 0.5) * (x[i] - 0.5);
    Losses out(m, 1 + g);
    for (std::size_t k = 0; k < m; ++k) {
        for (std::size_t i = 0; i + k + 1 < m; ++i) out[k] *= std::cos(x[i] * pi / 2);
        if (k > 0) out[k] *= std::sin(x[m - 1 - k] * pi / 2);
    }
    return out;
}

/// Mass, acceleration and intrusion of a frontal crash, by the response surfaces of Liao et al.
Losses vehicle_safety(const X& x) {
    const double mass = 1640.2823 + 2.3573285 * x[0] + 2.3220035 * x[1] + 4.5688768 * x[2] +
                        7.7213633 * x[3] + 4.4559504 * x[4];
    const double acceleration = 6.5856 + 1.15 * x[0] - 1.0427 * x[1] + 0.9738 * x[2] + 0.8364 * x[3] -
                                0.3695 * x[0] * x[3] + 0.0861 * x[0] * x[4] + 0.3628 * x[1] * x[3] -
                                0.1106 * x[0] * x[0] - 0.3437 * x[2] * x[2] + 0.1764 * x[3] * x[3];
    const double intrusion = -0.0551 + 0.0181 * x[0] + 0.1024 * x[1] + 0.0421 * x[2] - 0.0073 * x[0] * x[1] +
                             0.024 * x[1] * x[2] - 0.0118 * x[1] * x[3] - 0.0204 * x[2] * x[3] -
                             0.008 * x[2] * x[4] - 0.0241 * x[1] * x[1] + 0.0109 * x[3] * x[3];
    return {mass, acceleration, intrusion};
}

/// Error of a network of so many layers and units, trained as well as it can be: `misfit` is what the
/// training's settings lose.
double network_error(double layers, double width, double misfit) {
    return 0.04 + 0.25 / std::sqrt(width) + 0.06 * std::abs(layers - 4) * 0.5 / (1 + width / 256) +
           0.05 * misfit;
}

double network_cost(double layers, double width) { return std::log10(layers * width * width + 100 * width); }

/// Native values in the order of network_space(): optimizer 0 is SGD, and only it has a momentum.
Losses network(const X& x) {
    const double layers = x[0], width = x[1], lr = std::log10(x[2]);
    const bool sgd = x[4] == 0;
    const double misfit = std::pow(lr - (sgd ? -1 : -3), 2) + std::pow(x[3] - 0.2, 2) +
                          (sgd ? 4 * std::pow(x[5] - 0.9, 2) : 0.05);
    return {network_error(layers, width, misfit), network_cost(layers, width)};
}

SearchSpace network_space() {
    SearchSpace space;
    (void)space.integer("layers", 1, 8);
    (void)space.integer("width", 8, 512, Scale::log);
    (void)space.continuous("lr", 1e-5, 1, Scale::log);
    (void)space.continuous("dropout", 0, 0.8);
    auto optimizer = space.categorical("optimizer", {"sgd", "adam", "adamw"});
    (void)space.continuous("momentum", 0, 0.99).when(optimizer == "sgd");
    return space;
}

double network_volume(const Losses& reference) {
    std::vector<Losses> best;
    for (int layers = 1; layers <= 8; ++layers)
        for (int width = 8; width <= 512; ++width)
            best.push_back({network_error(layers, width, 0), network_cost(layers, width)});
    return hypervolume(best, reference);
}

/// By points along a front that is known as a function of the first loss.
template <class F>
double volume_along(F second, const Losses& reference) {
    std::vector<Losses> front;
    for (int i = 0; i <= 20000; ++i) front.push_back({i / 20000.0, second(i / 20000.0)});
    return hypervolume(front, reference);
}

}  // namespace

std::vector<Problem> all_problems() {
    const Losses two(2, 1.1);
    std::vector<Problem> out;
    out.push_back({"branin_currin", box(2, 0, 1), of_numbers(branin_currin), {18, 6}, 59.36011874867746});
    out.push_back({"zdt1", box(6, 0, 1), of_numbers(zdt1), two, 1.21 - 1.0 / 3});
    out.push_back({"zdt2", box(6, 0, 1), of_numbers(zdt2), two, 1.21 - 2.0 / 3});
    out.push_back({"zdt3", box(6, 0, 1), of_numbers(zdt3), two,
                   volume_along([](double x) { return 1 - std::sqrt(x) - x * std::sin(10 * pi * x); }, two)});
    out.push_back(
        {"dtlz2", box(6, 0, 1), of_numbers([](const X& x) { return dtlz2(x, 2); }), two, 1.21 - pi / 4});
    out.push_back({"dtlz2_noisy", box(6, 0, 1), of_numbers([](const X& x) { return dtlz2(x, 2); }), two,
                   1.21 - pi / 4, 0.03});
    out.push_back({"dtlz2_three", box(6, 0, 1), of_numbers([](const X& x) { return dtlz2(x, 3); }),
                   Losses(3, 1.1), 1.331 - pi / 6});
    out.push_back({"vehicle_safety",
                   box(5, 1, 3),
                   of_numbers(vehicle_safety),
                   {1864.72022, 11.81993945, 0.2903999384},
                   246.81607081187002});
    const Losses worst{0.5, 7};
    out.push_back({"network", network_space(), of_numbers(network), worst, network_volume(worst)});
    return out;
}

}  // namespace attune::fronts
