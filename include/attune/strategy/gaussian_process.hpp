#pragma once

#include <fmt/format.h>

#include <optional>
#include <string_view>

#include "attune/compiled.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// How GaussianProcess makes targets of the objective's values: by one rule (see Warping), or by the one of
/// `half_rank` and `log_excess` under which the values are more likely, anew with every fit.
enum class TargetWarping { automatic, none, half_rank, log_excess };

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
    }
};

/// Bayesian optimisation with a Gaussian process: Matern 5/2 with one length scale a parameter, fitted noise,
/// log expected improvement.
///
/// The first trials are the centre of the space and scrambled Sobol points. Then a model of the objective is
/// fitted (see RegressionFitOptions::with_priors), trials in flight are taken to give what the model
/// predicts, and the configuration with the most expected improvement is proposed, whatever mix of parameters
/// the space has. Failed trials count as bad as the worst one that did not; failures of the environment are
/// left out.
///
/// Several objectives have a model each, and the configuration is proposed whose expected hypervolume
/// improvement over the front is the largest (its logarithm, in closed form: HypervolumeImprovement). Where
/// the front is too rugged for that, as with five objectives and more, they are joined by an augmented
/// Chebyshev function with weights drawn anew each time (ParEGO: Knowles 2006).
///
/// Where the space has changed, trials from before lie where they are now: outside the unit cube, or with a
/// choice of their own that is never proposed. Left out are those that the model could not tell from others:
/// they lack a value, the scale has no place for it, or the parameter has a single value now.
///
/// How the objective's values become targets is chosen with every fit (see TargetWarping). Past
/// `most_observations` finished trials the model is built from so many of them, which keeps the cost of an
/// ask flat. What was compared with what stands in docs/gaussian_process.md.
///
/// The fit is stored with each suggestion and the next one starts from it. A value type without state:
/// suggestions are a function of the study and the request.
class GaussianProcess {
  public:
    GaussianProcess() = default;
    explicit GaussianProcess(GaussianProcessOptions options) : options_(options) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "gaussian_process"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) const;

  private:
    GaussianProcessOptions options_;
};

}  // namespace attune

#ifndef ATTUNE_COMPILED
#include "attune/strategy/detail/gaussian_process_impl.hpp"
#endif
