#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/stopping/detail/first_completed.hpp"
#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/rungs.hpp"

namespace attune {

/// What becomes of a trial that is not among the best at a rung: it is stopped for good, which never errs
/// upwards but for the trials that came first; or it pauses, and goes on once it is among the best of those
/// that came meanwhile. Trials that cannot pause are stopped.
enum class HalvingKind { stop, pause };

/// Options of SuccessiveHalving.
struct SuccessiveHalvingOptions {
    double minimum_resource = 1;  ///< step of the first rung; 0: a hundredth of the first completed trial's
                                  ///< last step, at least 1, and no decision before there is one
    double maximum_resource = 0;  ///< no rung at or past this step; 0: no limit
    double factor = 3;            ///< one in so many goes on; the next rung is so many times as far; above 1
    int skipped_rungs = 0;        ///< rungs of the ladder before the first one that counts
    int bootstrap_trials = 0;     ///< a rung lets nobody pass while it has no more values than these
    HalvingKind kind = HalvingKind::stop;
    std::string metric{};                  ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        const auto refuse = [](const char* option, double value, const char* rule) {
            throw InvalidOption(fmt::format("successive halving: {} ({}) must be {}", option, value, rule));
        };
        if (!(minimum_resource >= 0) || std::isinf(minimum_resource))
            refuse("minimum_resource", minimum_resource, "at least 0 and finite");
        if (!(maximum_resource >= 0)) refuse("maximum_resource", maximum_resource, "at least 0");
        if (!(factor > 1) || std::isinf(factor)) refuse("factor", factor, "above 1 and finite");
        if (skipped_rungs < 0) refuse("skipped_rungs", skipped_rungs, "at least 0");
        if (bootstrap_trials < 0) refuse("bootstrap_trials", bootstrap_trials, "at least 0");
    }
};

namespace detail {

/// The answer to a report of a trial, by the rungs that it passed with it.
[[nodiscard]] inline Verdict halving_verdict(const RungLedger& ledger, const TrialRecord& trial,
                                             const Objective& objective, HalvingKind kind, int bootstrap) {
    const bool pauses = kind == HalvingKind::pause && trial.resumable;
    const Decision leave = pauses ? Decision::pause : Decision::stop;
    const auto& passages = ledger.passages(trial.number);
    for (int rung = 0; rung < static_cast<int>(passages.size()); ++rung) {
        const RungLedger::Passage& passage = passages[static_cast<std::size_t>(rung)];
        if (passage.report + 1 != trial.reports.size()) continue;
        const double value = objective.loss(passage.loss);
        const double level = ledger.ladder().level(rung);
        Metrics numbers{{"value", value}, {"rung", rung}, {"step", trial.reports.back().step}};
        if (std::isnan(value))
            return {Decision::stop,
                    fmt::format("{} is no number at the rung of step {}", objective.metric, level), numbers};
        const auto& rivals = ledger.at(rung);
        numbers["trials"] = static_cast<double>(rivals.size());
        if (rivals.size() <= static_cast<std::size_t>(bootstrap))
            return {
                leave,
                fmt::format(
                    "{} = {:.6g} is one of the first {} at the rung of step {}, which lets nobody pass yet",
                    objective.metric, value, bootstrap, level),
                numbers};
        const std::size_t places = std::max(ledger.places(rung), pauses ? std::size_t{0} : std::size_t{1});
        if (places > 0) {
            numbers["limit"] = objective.loss(rivals[places - 1].first);
            if (passage.loss <= rivals[places - 1].first) continue;
        }
        return {leave,
                fmt::format("{} = {:.6g} is not among the best {} of {} at the rung of step {}",
                            objective.metric, value, places, rivals.size(), level),
                numbers};
    }
    return {};
}

}  // namespace detail

/// Asynchronous successive halving (Li, Jamieson et al., "A system for massively parallel hyperparameter
/// tuning", MLSys 2020): at the steps of a ladder only the best one in `factor` of the trials that have come
/// there so far goes on.
///
/// As a policy it works with any strategy. The stopping kind needs nothing of the trials; the first to come
/// to a rung passes it. The pausing kind (the published algorithm, with promotions) lets nobody pass before
/// he is among the best, and goes on with whom others have put there; it needs trials that can pause. A value
/// of NaN at a rung stops. A report that comes out of order passes no rung again; one without the metric is
/// answered with proceed.
class SuccessiveHalving {
  public:
    SuccessiveHalving() : SuccessiveHalving(SuccessiveHalvingOptions{}) {}
    explicit SuccessiveHalving(SuccessiveHalvingOptions options) : options_(std::move(options)) {
        options_.validate();
    }

    [[nodiscard]] bool wants_pauses() const { return options_.kind == HalvingKind::pause; }
    [[nodiscard]] static constexpr std::string_view name() { return "successive_halving"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        if (!detail::just_reported(trial, objective.metric) || !ready(study)) return {};
        ledger_->follow(study, objective);
        return detail::halving_verdict(*ledger_, trial, objective, options_.kind, options_.bootstrap_trials);
    }

    [[nodiscard]] std::optional<Resumption> resume(const Study& study) {
        if (options_.kind != HalvingKind::pause || !ready(study)) return std::nullopt;
        ledger_->follow(study, detail::watched(study, options_.metric, options_.direction));
        const auto next = ledger_->promotable(study);
        if (!next) return std::nullopt;
        return Resumption{
            next->first, std::nullopt,
            fmt::format("is among the best {} of {} at the rung of step {}", ledger_->places(next->second),
                        ledger_->at(next->second).size(), ledger_->ladder().level(next->second))};
    }

  private:
    /// Whether the ladder is known.
    bool ready(const Study& study) {
        RungLadder ladder{options_.minimum_resource, options_.factor, options_.skipped_rungs,
                          options_.maximum_resource > 0 ? options_.maximum_resource
                                                        : std::numeric_limits<double>::infinity()};
        double since = -std::numeric_limits<double>::infinity();
        if (options_.minimum_resource == 0) {
            const auto first = first_.find(study);
            if (!first) return false;
            ladder.minimum = std::max(1.0, std::floor(first->last_step / 100));
            since = first->seconds;
        }
        if (!ledger_ || !(ledger_->ladder() == ladder) || since != since_)
            ledger_.emplace(ladder, nullptr, since);
        since_ = since;
        return true;
    }

    SuccessiveHalvingOptions options_;
    detail::FirstCompleted first_;
    std::optional<RungLedger> ledger_;
    double since_ = 0;
};

}  // namespace attune
