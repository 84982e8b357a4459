#pragma once

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "attune/stopping/decision_steps.hpp"
#include "attune/stopping/detail/watched.hpp"
#include "attune/stopping/stopping_policy.hpp"

namespace attune {

/// Options of Threshold.
struct ThresholdOptions {
    double lower = -std::numeric_limits<double>::infinity();  ///< the least value allowed
    double upper = std::numeric_limits<double>::infinity();   ///< the greatest value allowed
    DecisionSteps steps{};
    std::string metric{};  ///< empty: the study's first objective

    /// Throws InvalidOption.
    void validate() const {
        if (std::isnan(lower) || std::isnan(upper) || lower > upper)
            throw InvalidOption(
                fmt::format("threshold: lower ({}) must be at most upper ({})", lower, upper));
        steps.validate("threshold");
    }
};

/// Stops a trial whose latest value is outside a range that a sound one keeps to, or is NaN: a diverged loss,
/// an accuracy below chance, a constraint such as a memory size. Of any metric. It is judged at the highest
/// step that the trial has come to; reports without the metric are answered with proceed.
class Threshold {
  public:
    explicit Threshold(ThresholdOptions options = {}) : options_(std::move(options)) { options_.validate(); }

    [[nodiscard]] static constexpr std::string_view name() { return "threshold"; }

    [[nodiscard]] Verdict decide(const Study& study, const TrialRecord& trial) const {
        const std::string metric = detail::watched(study, options_.metric).metric;
        if (!detail::just_reported(trial, metric)) return {};
        const std::vector<CurvePoint> points = curve(trial, metric);
        if (!options_.steps.due(points)) return {};
        const auto [step, value] = points.back();
        if (value >= options_.lower && value <= options_.upper) return {};
        const bool above = value > options_.upper;
        const double limit = above ? options_.upper : options_.lower;
        const Metrics numbers{{"value", value}, {"limit", limit}, {"step", step}};
        if (std::isnan(value))
            return {Decision::stop, fmt::format("{} is no number at step {}", metric, step), numbers};
        return {Decision::stop,
                fmt::format("{} = {:.6g} at step {} is {} its limit {:.6g}", metric, value, step,
                            above ? "above" : "below", limit),
                numbers};
    }

  private:
    ThresholdOptions options_;
};

}  // namespace attune
