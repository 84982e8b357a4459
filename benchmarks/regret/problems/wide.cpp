// Twenty to two hundred parameters, all or few of which matter.
#include "../problem.hpp"
#include "support/test_functions.hpp"

namespace attune::regret {
namespace {

using test::Vector;

/// Hartmann's six-dimensional function of every (d/6)th parameter; the others do nothing.
Problem hidden_hartmann(int d) {
    const auto f = [d](const Vector& v) {
        Vector x(6);
        for (std::size_t i = 0; i < 6; ++i) x[i] = v[i * static_cast<std::size_t>(d) / 6];
        return test::hartmann_6(x);
    };
    return {fmt::format("hidden_hartmann{}", d), "wide", box(d, 0, 1), of_numbers(f), -3.322368011415512};
}

/// A bowl whose weights fall off, with ripples; all parameters matter some.
Problem bowl(int d) {
    const auto f = [](const Vector& v) {
        double sum = 0;
        for (std::size_t i = 0; i < v.size(); ++i) {
            const double z = v[i] - 0.25 - 0.5 * std::fmod(0.6180339887498949 * static_cast<double>(i), 1.0);
            sum += (z * z + 0.01 * (1 - std::cos(12 * z))) / (1.0 + 0.1 * static_cast<double>(i));
        }
        return sum;
    };
    return {fmt::format("bowl{}", d), "wide", box(d, 0, 1), of_numbers(f), 0.0};
}

}  // namespace

void add_wide(std::vector<Problem>& problems) {
    problems.push_back(hidden_hartmann(20));
    problems.push_back(bowl(20));
    problems.push_back(bowl(50));
    problems.push_back(hidden_hartmann(100));
    problems.push_back(bowl(200));
}

}  // namespace attune::regret
