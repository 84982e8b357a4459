// One basin or few: bent valleys, bad scaling, an optimum on the border, steps.
#include "../problem.hpp"
#include "support/test_functions.hpp"

namespace attune::regret {
namespace {

using test::Vector;

/// Half-axes of 1 to 1000, turned by 30 degrees in neighbouring planes, centre off the middle.
double ellipsoid(const Vector& x) {
    Vector z(x);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] -= 0.2 + 0.6 * static_cast<double>(i % 3) / 2.0;
    for (std::size_t i = 0; i + 1 < z.size(); ++i) {
        const double a = z[i], b = z[i + 1];
        z[i] = 0.8660254037844387 * a - 0.5 * b;
        z[i + 1] = 0.5 * a + 0.8660254037844387 * b;
    }
    double sum = 0;
    for (std::size_t i = 0; i < z.size(); ++i)
        sum += std::pow(1000.0, static_cast<double>(i) / static_cast<double>(z.size() - 1)) * z[i] * z[i];
    return sum;
}

/// A loss that falls towards a corner of the cube.
double corner(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        sum += std::sqrt(i % 2 == 0 ? x[i] : 1 - x[i]) + 0.5 * (i % 2 == 0 ? x[i] : 1 - x[i]);
    return sum;
}

/// The sphere in steps of 0.02: wide plateaus, many ties.
double plateau(const Vector& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += std::pow(x[i] - 0.37 - 0.1 * static_cast<double>(i), 2);
    return std::floor(sum / 0.02) * 0.02;
}

double forrester(const Vector& x) { return std::pow(6 * x[0] - 2, 2) * std::sin(12 * x[0] - 4); }

}  // namespace

void add_smooth(std::vector<Problem>& problems) {
    problems.push_back({"forrester1", "smooth", box(1, 0, 1), of_numbers(forrester), -6.020740055767083});
    problems.push_back(
        {"camel2", "smooth", box(2, -2.5, 2.5), of_numbers(test::six_hump_camel), -1.0316284534898774});
    problems.push_back({"hartmann3", "smooth", box(3, 0, 1), of_numbers(test::hartmann_3), -3.86277978733});
    problems.push_back({"rosenbrock4", "smooth", box(4, -3, 4), of_numbers(test::rosenbrock), 0.0});
    problems.push_back({"ellipsoid6", "smooth", box(6, 0, 1), of_numbers(ellipsoid), 0.0});
    problems.push_back({"corner4", "smooth", box(4, 0, 1), of_numbers(corner), 0.0});
    problems.push_back({"plateau4", "smooth", box(4, 0, 1), of_numbers(plateau), 0.0});
    problems.push_back(
        {"noisy_hartmann3", "noisy", box(3, 0, 1), of_numbers(test::hartmann_3), -3.86277978733, 0.1});
}

}  // namespace attune::regret
