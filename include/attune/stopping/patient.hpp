#pragma once

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"
#include "attune/study/curve.hpp"

namespace attune {

/// Options of Patient.
struct PatientOptions {
    int patience = 5;           ///< steps without improvement that are let pass; at least 0
    double minimum_change = 0;  ///< what counts as an improvement, in units of the metric; at least 0
    std::string metric{};       ///< empty: the study's first objective
    std::optional<Direction> direction{};  ///< of a metric that is no objective; none: as the first objective

    /// Throws InvalidOption.
    void validate() const {
        if (patience < 0)
            throw InvalidOption(fmt::format("patient: patience ({}) must be at least 0", patience));
        if (!(minimum_change >= 0) || std::isinf(minimum_change))
            throw InvalidOption(
                fmt::format("patient: minimum_change ({}) must be at least 0 and finite", minimum_change));
    }
};

/// Asks another policy only about trials that have not improved lately: the best of the last `patience` + 1
/// steps is worse than the best before them by more than `minimum_change`. Without another policy it stops
/// them itself. A trial that still improves is left alone, however bad it is. NaN is never the best; a window
/// of nothing else decides nothing.
class Patient {
  public:
    explicit Patient(PatientOptions options = {}) : options_(std::move(options)) { options_.validate(); }
    Patient(PatientOptions options, AnyStoppingPolicy policy)
        : options_(std::move(options)), policy_(std::move(policy)) {
        options_.validate();
    }

    [[nodiscard]] static constexpr std::string_view name() { return "patient"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) {
        const Objective objective = detail::watched(study, options_.metric, options_.direction);
        if (!detail::just_reported(trial, objective.metric)) return {};
        const std::vector<CurvePoint> points = curve(trial, objective.metric);
        const auto window = static_cast<std::size_t>(options_.patience) + 1;
        if (points.size() <= window) return {};
        const auto best_of = [&](std::size_t from, std::size_t to) {
            double best = std::nan("");
            for (std::size_t i = from; i < to; ++i)
                if (objective.better(points[i].value, best)) best = points[i].value;
            return best;
        };
        const double before = best_of(0, points.size() - window);
        const double lately = best_of(points.size() - window, points.size());
        if (!(objective.loss(before) + options_.minimum_change < objective.loss(lately))) return {};
        if (policy_) return policy_->decide(study, trial);
        return {Decision::stop,
                fmt::format("the best {} of the last {} steps, {:.6g}, is worse than {:.6g} before them",
                            objective.metric, window, lately, before),
                {{"lately", lately}, {"before", before}, {"step", points.back().step}}};
    }
    [[nodiscard]] bool wants_pauses() const { return policy_ && policy_->wants_pauses(); }
    [[nodiscard]] std::optional<Resumption> resume(const Study& study) {
        return policy_ ? policy_->resume(study) : std::nullopt;
    }

  private:
    PatientOptions options_;
    std::optional<AnyStoppingPolicy> policy_;
};

}  // namespace attune
