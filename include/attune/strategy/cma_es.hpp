#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "attune/compiled.hpp"
#include "attune/strategy/cma_options.hpp"
#include "attune/strategy/strategy.hpp"

namespace attune {
namespace detail {
class CmaEsSearch;
}

/// The evolution strategy with covariance matrix adaptation (Hansen and Ostermeier 2001), for many cheap
/// trials: draws from a normal distribution over the scaled ranges, and learns from every population that
/// comes back.
///
/// - Integers and steps are drawn from the same distribution, which keeps a margin of probability on their
///   neighbouring values (Hamano et al. 2022). Choices have a distribution beside it that learns along its
///   natural gradient (Hamano et al. 2024).
/// - Draws beyond a range are mirrored at its end. Those outside the constraints or asked before are drawn
///   again, then more widely; in the end what is left of a finite space is looked through.
/// - A parameter that is inactive keeps the coordinate that it was drawn with: selection does not see it, so
///   it changes nothing on average. A choice that is inactive teaches nothing.
/// - Results count in the order of their coming: every `population` of them, whoever asked for them, are one
///   generation. Any number of workers can go on asking: what was drawn from an earlier distribution counts
///   with a step of limited length (Hansen, "Injecting external solutions into CMA-ES", 2011), and so do
///   enqueued trials and those of other strategies. Failures of the configuration and trials without a value
///   rank last; failures of the environment are left out.
/// - Where a run has converged, or its best stays the same, another one begins elsewhere (CmaRestarts).
/// - Several objectives are ranked by fronts, and within one by how alone a point stands.
///
/// The draw is stored with the trial, so the state is a function of the study. It is kept from one suggestion
/// to the next and taken up from there where the study has only grown: an ask costs what is new.
class CmaEs {
  public:
    CmaEs();
    explicit CmaEs(CmaEsOptions options);
    CmaEs(const CmaEs& other);
    CmaEs(CmaEs&& other) noexcept;
    CmaEs& operator=(CmaEs other) noexcept;
    ~CmaEs();

    [[nodiscard]] static constexpr std::string_view name() { return "cma_es"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request);

  private:
    std::unique_ptr<detail::CmaEsSearch> search_;  ///< none once moved from
};

}  // namespace attune

#ifndef ATTUNE_COMPILED
#include "attune/strategy/detail/cma_es_impl.hpp"
#endif
