#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/curve.hpp"

namespace attune {

/// Options of Patience.
struct PatienceOptions {
    int patience = 5;           ///< reports in a row without improvement that end a trial; at least 1
    double minimum_change = 0;  ///< what counts as an improvement, in units of the metric; at least 0
    std::string metric{};       ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        if (patience < 1)
            throw InvalidOption(fmt::format("patience: patience ({}) must be at least 1", patience));
        if (!(minimum_change >= 0) || std::isinf(minimum_change))
            throw InvalidOption(
                fmt::format("patience: minimum_change ({}) must be at least 0 and finite", minimum_change));
    }
};

/// Stops a trial that has not improved on itself by more than `minimum_change` for `patience` reports in a
/// row, in the order of steps; a step that is reported again counts once. NaN never improves. Reports without
/// the metric are passed over.
class Patience {
  public:
    Patience() = default;
    explicit Patience(PatienceOptions options) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "patience"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) const {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        const std::string& metric = objective.metric;
        double best = objective.worst();
        int since = 0;
        for (const CurvePoint& point : curve(trial, metric)) {
            if (objective.loss(point.value) < objective.loss(best) - options_.minimum_change) {
                best = point.value;
                since = 0;
            } else {
                ++since;
            }
        }
        if (since < options_.patience) return {};
        const std::string reports = detail::counted(since, "report");
        return {Decision::stop,
                best == objective.worst()
                    ? fmt::format("{} was no number better than {} for {}", metric, best, reports)
                    : fmt::format("{} has not improved on {:.6g} for {}", metric, best, reports),
                {{"best", best}, {"reports", static_cast<double>(since)}}};
    }

  private:
    PatienceOptions options_;
};

}  // namespace attune
