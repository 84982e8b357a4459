// Evaluations that fail in a part of the space, or at random.
#include <algorithm>

#include "../problem.hpp"
#include "support/test_functions.hpp"

namespace attune::regret {

void add_failing(std::vector<Problem>& problems) {
    // About two thirds of the space fail; the optimum does not.
    const auto hartmann = [](const Configuration& c) -> std::optional<double> {
        const std::vector<double>& x = c.native();
        if (x[3] > 0.5 || x[5] < 0.3) return std::nullopt;
        return test::hartmann_6(x);
    };
    problems.push_back({"failing_hartmann6", "failing", box(6, 0, 1), hartmann, -3.3223680114155});

    // Two of the three optima lie where evaluations fail.
    SearchSpace plane;
    plane.continuous("x0", -5, 10);
    plane.continuous("x1", 0, 15);
    const auto two_gone = [](const Configuration& c) -> std::optional<double> {
        const std::vector<double>& x = c.native();
        if (x[0] < 0 || (x[0] > 7 && x[1] < 6)) return std::nullopt;
        return test::branin(x);
    };
    problems.push_back({"failing_branin", "failing", plane, two_gone, 0.39788735772973816});

    // Nine of ten evaluations fail: what works lies near one point, and the optimum at its border.
    const auto island = [](const Configuration& c) -> std::optional<double> {
        const std::vector<double>& x = c.native();
        constexpr double centre[] = {0.65, 0.35, 0.6, 0.4};
        double out = 0, loss = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            out += (x[i] - centre[i]) * (x[i] - centre[i]);
            loss += (1 - x[i]) * (1 - x[i]);
        }
        if (out > 0.15) return std::nullopt;
        return loss;
    };
    // The distance of the corner to the centre, less the radius.
    const double rest = std::sqrt(0.35 * 0.35 + 0.65 * 0.65 + 0.4 * 0.4 + 0.6 * 0.6) - std::sqrt(0.15);
    problems.push_back({"failing_island4", "failing", box(4, 0, 1), island, rest * rest});

    // The optimum lies at the edge of the half that fails.
    const auto edge = [](const Configuration& c) -> std::optional<double> {
        const std::vector<double>& x = c.native();
        if (x[0] < 0.5) return std::nullopt;
        return x[0] + x[1];
    };
    problems.push_back({"failing_edge2", "failing", box(2, 0, 1), edge, 0.5});

    // A fifth of the configurations fail, whatever lies beside them.
    const auto at_random = [](const Configuration& c) -> std::optional<double> {
        const std::vector<double>& x = c.native();
        double mixed = 0;
        for (const double v : x) mixed = std::fmod(mixed * 97.0 + v * 7919.0, 1.0);
        if (mixed < 0.2) return std::nullopt;
        return test::hartmann_6(x);
    };
    problems.push_back({"failing_random6", "failing", box(6, 0, 1), at_random, -3.3223680114155});
}

}  // namespace attune::regret
