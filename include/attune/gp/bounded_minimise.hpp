#pragma once

#include <LBFGSB.h>

#include <Eigen/Core>
#include <cmath>
#include <exception>
#include <limits>

namespace attune::detail {

/// When to stop a bounded quasi-Newton search.
struct MinimiseLimits {
    int iterations = 60;
    int evaluations = 120;
    double gradient = 1e-4;  ///< largest component of the projected gradient
    double change = 1e-7;    ///< relative change of the value over three iterations
};

struct Minimum {
    Eigen::VectorXd x;
    double value = std::numeric_limits<double>::infinity();
    int evaluations = 0;
};

/// Thrown through the solver when the evaluations are spent; never leaves `bounded_minimise`.
struct EvaluationsSpent : std::exception {};

/// Minimises `f(x, gradient)` within [low, high] from `start` by L-BFGS-B (Byrd et al. 1995, as in LBFGS++)
/// and returns the best point that was evaluated. The solver ends some searches by an exception (a line
/// search that cannot make progress); what it had found by then counts. Values that are not finite are taken
/// as very bad.
template <class Function>
Minimum bounded_minimise(const Function& f, const Eigen::VectorXd& start, const Eigen::VectorXd& low,
                         const Eigen::VectorXd& high, const MinimiseLimits& limits = {}) {
    Minimum best;
    best.x = start.cwiseMax(low).cwiseMin(high);
    const auto tracked = [&](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
        if (best.evaluations >= limits.evaluations) throw EvaluationsSpent{};
        ++best.evaluations;
        const double value = f(x, gradient);
        if (!std::isfinite(value) || !gradient.allFinite()) {
            gradient.setZero();
            return 1e30;
        }
        if (value < best.value) {
            best.value = value;
            best.x = x;
        }
        return value;
    };
    LBFGSpp::LBFGSBParam<double> param;
    param.m = 8;
    param.epsilon = limits.gradient;
    param.epsilon_rel = 0.0;
    param.past = 3;
    param.delta = limits.change;
    param.max_iterations = limits.iterations;
    param.max_linesearch = 20;
    param.max_submin = 10;
    LBFGSpp::LBFGSBSolver<double> solver(param);
    Eigen::VectorXd x = best.x;
    double value = 0.0;
    try {
        solver.minimize(tracked, x, value, low, high);
    } catch (const std::exception&) {  // the best point so far stands
    }
    best.x = best.x.cwiseMax(low).cwiseMin(high);
    return best;
}

}  // namespace attune::detail
