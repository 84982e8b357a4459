#pragma once

#include <fmt/format.h>

#include "attune/error.hpp"

namespace attune {

/// How an evolution strategy goes on where it has converged or does not get any further: not at all; with
/// twice the population each time (Auger and Hansen, "A restart CMA evolution strategy with increasing
/// population size", 2005); or with large and small populations in turn (Hansen, "Benchmarking a
/// BI-population CMA-ES", 2009).
enum class CmaRestarts { none, doubling, two_populations };

/// Options of CmaEs.
struct CmaEsOptions {
    int population = 0;  ///< of the first run; 0: 4 + 3 ln(parameters)
    double sigma = 0.2;  ///< standard deviation of the first draws, as a share of the ranges, in (0, 1]
    CmaRestarts restarts = CmaRestarts::two_populations;

    /// Throws InvalidOption.
    void validate() const {
        if (population != 0 && population < 3)
            throw InvalidOption(
                fmt::format("cma es: population ({}) must be at least 3, or 0 for the default", population));
        if (!(sigma > 0 && sigma <= 1))
            throw InvalidOption(fmt::format("cma es: sigma ({}) must be in (0, 1]", sigma));
    }
};

}  // namespace attune
