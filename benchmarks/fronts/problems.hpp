#pragma once

#include <functional>
#include <string>
#include <vector>

#include "attune/space/space.hpp"
#include "attune/study/pareto.hpp"

namespace attune::fronts {

/// Several losses of one configuration, and what the best front there is comes to.
struct Problem {
    std::string name;
    SearchSpace space;
    std::function<Losses(const Configuration&)> losses;
    Losses reference;     ///< what hypervolume is counted from
    double volume = 0.0;  ///< of the best front
    double noise = 0.0;   ///< standard deviation of what is observed beside the losses
};

/// Zitzler, Deb and Thiele 2000 (ZDT); Deb et al. 2002 (DTLZ); Belakaria et al. 2019 (Branin and Currin);
/// Liao et al. 2008 (vehicle safety); and a made-up network with choices and conditions.
[[nodiscard]] std::vector<Problem> all_problems();

}  // namespace attune::fronts
