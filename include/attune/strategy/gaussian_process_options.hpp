#pragma once

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "attune/error.hpp"
#include "attune/strategy/belief.hpp"

namespace attune {

/// How GaussianProcess makes targets of the objective's values: by one rule (see Warping), or by the one of
/// `half_rank` and `log_excess` under which the values are more likely, anew with every fit.
enum class TargetWarping { automatic, none, half_rank, log_excess };

/// Whether GaussianProcess minds what trials cost (told, or else their seconds): it asks for the most
/// improvement, for the most per unit of cost, or for the latter at first and the former as a budget is
/// spent.
enum class CostAwareness { ignored, per_unit, cooling };

/// Options of GaussianProcess.
struct GaussianProcessOptions {
    int initial_trials = 0;  ///< from Sobol before the first model; 0: by the dimension
    TargetWarping warping = TargetWarping::automatic;  ///< of the objective's values
    /// Observations that the model is built from, at most (see informative_subset); 0: all.
    int most_observations = 200;
    int candidates = 0;           ///< drafts spread over the space for one ask; 0: by the dimension
    int starts = 6;               ///< candidates that are improved by local search
    int always_refit_below = 64;  ///< observations up to which every new one is fitted to
    double refit_growth = 1.1;    ///< beyond: fit again when there are so many times as many
    CostAwareness cost = CostAwareness::ignored;
    double cost_budget = 0;         ///< of all trials together, for cooling; above 0 there
    std::vector<Belief> beliefs{};  ///< one a parameter at most; they fade as trials come

    /// Throws InvalidOption.
    void validate() const {
        if (initial_trials < 0)
            throw InvalidOption(
                fmt::format("gaussian process: initial_trials ({}) must not be negative", initial_trials));
        if (candidates < 0)
            throw InvalidOption(
                fmt::format("gaussian process: candidates ({}) must not be negative", candidates));
        if (most_observations < 0)
            throw InvalidOption(fmt::format("gaussian process: most_observations ({}) must not be negative",
                                            most_observations));
        if (starts < 1)
            throw InvalidOption(fmt::format("gaussian process: starts ({}) must be at least 1", starts));
        if (always_refit_below < 0)
            throw InvalidOption(fmt::format("gaussian process: always_refit_below ({}) must not be negative",
                                            always_refit_below));
        if (!(refit_growth >= 1.0))
            throw InvalidOption(
                fmt::format("gaussian process: refit_growth ({}) must be at least 1", refit_growth));
        if (cost == CostAwareness::cooling && !(cost_budget > 0 && std::isfinite(cost_budget)))
            throw InvalidOption(fmt::format(
                "gaussian process: cost_budget ({}) must be above 0 and finite where cost is cooling",
                cost_budget));
        for (std::size_t i = 0; i < beliefs.size(); ++i)
            for (std::size_t j = 0; j < i; ++j)
                if (beliefs[i].parameter == beliefs[j].parameter)
                    throw InvalidOption(fmt::format("gaussian process: there are two beliefs about {}",
                                                    beliefs[i].parameter));
    }
};

}  // namespace attune
