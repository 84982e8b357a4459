#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "attune/strategy/detail/rung_evidence.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/rungs.hpp"

namespace attune {

/// Options of AsynchronousHalving.
struct AsynchronousHalvingOptions {
    double minimum_resource = 1;  ///< the step at which trials first pause; above 0
    double maximum_resource = 0;  ///< the step at which trials end by themselves: no pause at or past it; 0:
                                  ///< not known
    double factor = 3;            ///< one in so many goes on, so many times as far; above 1

    /// Throws InvalidOption.
    void validate() const {
        const auto refuse = [](const char* option, double value, const char* rule) {
            throw InvalidOption(fmt::format("asynchronous halving: {} ({}) must be {}", option, value, rule));
        };
        if (!(minimum_resource > 0) || std::isinf(minimum_resource))
            refuse("minimum_resource", minimum_resource, "above 0 and finite");
        if (!(maximum_resource >= 0)) refuse("maximum_resource", maximum_resource, "at least 0");
        if (!(factor > 1) || std::isinf(factor)) refuse("factor", factor, "above 1 and finite");
    }
};

/// Asynchronous successive halving with promotions (Li, Jamieson et al., "A system for massively parallel
/// hyperparameter tuning", MLSys 2020): every trial pauses at the steps of a ladder, and whoever asks goes on
/// with the best paused trial that is among the best one in `factor` of its rung, of the highest rung that
/// has one; otherwise a new trial begins. Nobody waits for anybody.
///
/// Where new trials come from is any other strategy's matter: `AsynchronousHalving{GaussianProcess{}}`. It is
/// shown trials that paused as if they had ended, with the value of their highest rung and what trials that
/// went further gained on the average from there (in the spirit of Falkner et al., "BOHB", ICML 2018, but
/// with the evidence of all rungs). Trials must be able to pause (TunerOptions::resumable); in a request
/// that is not resumable they run to their end.
class AsynchronousHalving {
  public:
    static constexpr bool needs_pauses = true;

    AsynchronousHalving() : AsynchronousHalving(AsynchronousHalvingOptions{}) {}
    explicit AsynchronousHalving(AsynchronousHalvingOptions options)
        : AsynchronousHalving(RandomSearch{}, options) {}
    /// With the strategy that says where trials begin.
    template <class S>
    requires(!std::same_as<std::remove_cvref_t<S>, AsynchronousHalving> &&
             !std::same_as<std::remove_cvref_t<S>, AsynchronousHalvingOptions> &&
             Strategy<S>) explicit AsynchronousHalving(S&& begins, AsynchronousHalvingOptions options = {})
        : begins_(std::forward<S>(begins)), ledger_(ladder(options)) {}

    [[nodiscard]] static constexpr std::string_view name() { return "asynchronous_halving"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        ledger_.follow(study, study.objective());
        if (request.resumable)
            if (const auto next = ledger_.promotable(study))
                return promotion(study, next->first, next->second);
        if (request.only_resume) return std::nullopt;
        SuggestionRequest begin = request;
        begin.resumable = false;
        std::optional<Suggestion> begun =
            begins_.ignores_results() || !request.resumable
                ? begins_.suggest(study, begin)
                : begins_.suggest(detail::with_projections(study, ledger_), begin);
        if (begun && request.resumable && ledger_.ladder().has(0)) begun->until = ledger_.ladder().level(0);
        return begun;
    }

  private:
    static RungLadder ladder(const AsynchronousHalvingOptions& options) {
        options.validate();
        const double none = std::numeric_limits<double>::infinity();
        return {options.minimum_resource, options.factor, 0,
                options.maximum_resource > 0 ? options.maximum_resource : none};
    }

    [[nodiscard]] Suggestion promotion(const Study& study, std::int64_t number, int rung) const {
        Suggestion out;
        out.configuration = study.trial(number).configuration;
        out.resume = number;
        out.role = "promoted";
        out.reason =
            fmt::format("{} is among the best {} of {} at the rung of step {}", study.objective().metric,
                        ledger_.places(rung), ledger_.at(rung).size(), ledger_.ladder().level(rung));
        if (ledger_.ladder().has(rung + 1)) out.until = ledger_.ladder().level(rung + 1);
        return out;
    }

    AnyStrategy begins_;
    RungLedger ledger_;
};

}  // namespace attune
