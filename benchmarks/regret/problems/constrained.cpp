// Constraints between parameters that are active at the optimum.
#include "../problem.hpp"

namespace attune::regret {

void add_constrained(std::vector<Problem>& problems) {
    SearchSpace disc = box(2, 0, 1);
    disc.constrain("x0 * x0 + x1 * x1 <= 0.5");
    const auto towards_corner = [](const std::vector<double>& x) {
        return 2 - x[0] - x[1] + 0.2 * std::cos(9 * x[0]) - 0.2 * std::cos(9 * 0.5);
    };
    problems.push_back({"disc2", "constrained", disc, of_numbers(towards_corner), 0.873055001134781});

    SearchSpace budget = box(5, 0, 1);
    budget.constrain("x0 + x1 + x2 + x3 + x4 <= 1.5");
    budget.constrain("x0 <= x1");
    // The optimum is the projection of the wish (0.6, 0.4, 0.5, 0.3, 0.45) on the constraints: x0 = x1 = a,
    // and all are lowered by the same amount t: 5 t = 2.25 - 1.5, a = 0.5 - t.
    const auto wish = [](const std::vector<double>& x) {
        constexpr double w[] = {0.6, 0.4, 0.5, 0.3, 0.45};
        double sum = 0;
        for (std::size_t i = 0; i < 5; ++i) sum += (x[i] - w[i]) * (x[i] - w[i]);
        return sum;
    };
    problems.push_back({"budget5", "constrained", budget, of_numbers(wish), 0.02 + 5 * 0.15 * 0.15});
}

}  // namespace attune::regret
