#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "attune/strategy/detail/rung_evidence.hpp"
#include "attune/strategy/random_search.hpp"
#include "attune/strategy/strategy.hpp"
#include "attune/study/brackets.hpp"
#include "attune/study/rungs.hpp"

namespace attune {

/// Options of Hyperband.
struct HyperbandOptions {
    double minimum_resource = 1;   ///< the step at which the trials of the first bracket first pause; above 0
    double maximum_resource = 81;  ///< the step at which trials end by themselves; at least minimum_resource
    double factor = 3;             ///< one in so many goes on, so many times as far; above 1

    /// Throws InvalidOption.
    void validate() const {
        const auto refuse = [](const char* option, double value, const char* rule) {
            throw InvalidOption(fmt::format("hyperband: {} ({}) must be {}", option, value, rule));
        };
        if (!(minimum_resource > 0) || std::isinf(minimum_resource))
            refuse("minimum_resource", minimum_resource, "above 0 and finite");
        if (!(maximum_resource >= minimum_resource) || std::isinf(maximum_resource))
            refuse("maximum_resource", maximum_resource, "at least minimum_resource and finite");
        if (!(factor > 1) || std::isinf(factor)) refuse("factor", factor, "above 1 and finite");
    }
};

/// Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, JMLR 2018): brackets of trials, each with
/// successive halving from another first step on, one after the other and again from the first.
///
/// The trials of a bracket pause at each of its rungs until all of them have come there (or ended); then the
/// best one in `factor` go on to the next. While a bracket waits for trials that others run, whoever asks
/// begins the next one, so that no worker is idle. When no further trial may begin (a limit on their number),
/// the bracket that is not full halves what it has, at least one. A trial's number says its bracket, so it
/// may be enqueued, or fail: whatever has no number at a rung does not go on.
///
/// Where new trials come from is any other strategy's matter, and trials must be able to pause: see
/// AsynchronousHalving, whose rungs do not wait.
class Hyperband {
  public:
    static constexpr bool needs_pauses = true;

    Hyperband() : Hyperband(HyperbandOptions{}) {}
    explicit Hyperband(HyperbandOptions options) : Hyperband(RandomSearch{}, options) {}
    /// With the strategy that says where trials begin.
    template <class S>
    requires(!std::same_as<std::remove_cvref_t<S>, Hyperband> &&
             !std::same_as<std::remove_cvref_t<S>, HyperbandOptions> &&
             Strategy<S>) explicit Hyperband(S&& begins, HyperbandOptions options = {})
        : begins_(std::forward<S>(begins)), brackets_(checked(options)), ledger_(ladder()) {
        budgets_ = brackets_.budgets(brackets_.count());
    }

    [[nodiscard]] static constexpr std::string_view name() { return "hyperband"; }

    std::optional<Suggestion> suggest(const Study& study, const SuggestionRequest& request) {
        ledger_.follow(study, study.objective());
        if (request.resumable)
            if (auto promoted = promotion(study, request.only_resume)) return promoted;
        if (request.only_resume) return std::nullopt;
        SuggestionRequest begin = request;
        begin.resumable = false;
        std::optional<Suggestion> begun =
            begins_.ignores_results() || !request.resumable
                ? begins_.suggest(study, begin)
                : begins_.suggest(detail::with_projections(study, ledger_), begin);
        const int bracket = bracket_in_turn(study, request.trial, budgets_);
        if (begun && request.resumable && ledger_.ladder().has(bracket))
            begun->until = ledger_.ladder().level(bracket);
        return begun;
    }

  private:
    static Brackets checked(const HyperbandOptions& options) {
        options.validate();
        return {options.minimum_resource, options.maximum_resource, options.factor};
    }
    /// Of the first bracket; the others' rungs are its later ones.
    [[nodiscard]] RungLadder ladder() const {
        return {brackets_.minimum, brackets_.factor, 0, brackets_.maximum};
    }

    std::optional<Suggestion> promotion(const Study& study, bool as_it_is) const {
        const auto asked = static_cast<std::int64_t>(study.trials().size());
        std::int64_t first = 0;
        for (std::size_t b = 0; first < asked; b = (b + 1) % budgets_.size()) {
            const std::int64_t end = first + budgets_[b];
            if (end <= asked || as_it_is)
                if (auto promoted = promotion_in(study, static_cast<int>(b), first, std::min(end, asked)))
                    return promoted;
            first = end;
        }
        return std::nullopt;
    }

    /// The first of a bracket's trials that is to go on; none while its rung waits, or is the last.
    std::optional<Suggestion> promotion_in(const Study& study, int bracket, std::int64_t first,
                                           std::int64_t end) const {
        std::vector<std::int64_t> alive;
        for (std::int64_t number = first; number < end; ++number) alive.push_back(number);
        for (int rung = bracket; ledger_.ladder().has(rung); ++rung) {
            const auto came = [&](std::int64_t number) {
                return static_cast<int>(ledger_.passages(number).size()) > rung;
            };
            std::vector<std::pair<double, std::int64_t>> ranked;
            for (const std::int64_t number : alive) {
                if (!came(number) && !study.trial(number).finished()) return std::nullopt;
                if (!came(number)) continue;
                const double loss = ledger_.passages(number)[static_cast<std::size_t>(rung)].loss;
                if (!std::isnan(loss)) ranked.emplace_back(loss, number);
            }
            std::sort(ranked.begin(), ranked.end());
            const auto one_in =
                static_cast<std::size_t>(static_cast<double>(alive.size()) / brackets_.factor);
            const std::size_t places = std::min(std::max<std::size_t>(one_in, 1), ranked.size());
            const std::size_t rivals = alive.size();
            alive.clear();
            for (std::size_t i = 0; i < places; ++i) {
                const std::int64_t number = ranked[i].second;
                alive.push_back(number);
                const bool waits = study.trial(number).state == TrialState::paused &&
                                   static_cast<int>(ledger_.passages(number).size()) == rung + 1;
                if (waits) return promoted(study, number, bracket, rung, places, rivals);
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] Suggestion promoted(const Study& study, std::int64_t number, int bracket, int rung,
                                      std::size_t places, std::size_t rivals) const {
        Suggestion out;
        out.configuration = study.trial(number).configuration;
        out.resume = number;
        out.role = "promoted";
        out.reason =
            fmt::format("{} is among the best {} of {} at the rung of step {} of bracket {}",
                        study.objective().metric, places, rivals, ledger_.ladder().level(rung), bracket);
        if (ledger_.ladder().has(rung + 1)) out.until = ledger_.ladder().level(rung + 1);
        return out;
    }

    AnyStrategy begins_;
    Brackets brackets_;
    std::vector<std::int64_t> budgets_;
    RungLedger ledger_;
};

}  // namespace attune
