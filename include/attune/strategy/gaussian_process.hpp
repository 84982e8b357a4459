#pragma once

#include <optional>
#include <string_view>

#include "attune/compiled.hpp"
#include "attune/strategy/gaussian_process_options.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {

/// Bayesian optimisation with a Gaussian process: Matern 5/2 with one length scale a parameter, fitted noise,
/// log expected improvement.
///
/// The first trials are the centre of the space and scrambled Sobol points. Then a model of the objective is
/// fitted (see RegressionFitOptions::with_priors), trials in flight are taken to give what the model
/// predicts, and the configuration with the most expected improvement is proposed, whatever mix of parameters
/// the space has.
///
/// Outcome constraints have a model each, and improvement is weighed by the chance that all are kept; where
/// no trial keeps them, what does is looked for first (Gardner et al. 2014). The chance that a trial does not
/// fail is one more such weight; a failed trial says nothing else. Failures of the environment are left out.
/// Beliefs and costs are options.
///
/// Several objectives have a model each, and the configuration is proposed whose expected hypervolume
/// improvement over the front is the largest (its logarithm, in closed form: HypervolumeImprovement). With
/// five and more, and for fronts too rugged for that, they are joined by an augmented Chebyshev function with
/// weights drawn anew each time (ParEGO: Knowles 2006).
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
