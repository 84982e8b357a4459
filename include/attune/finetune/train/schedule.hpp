#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace attune {

/// Factors on the base learning rate as functions of an explicit count; nothing counts secretly.
///
/// `step` counts from 0: the factor of step k is in force for the k-th update (or epoch). All agree with
/// torch's scheduler of the like name after k calls of its step().
namespace schedule {

/// (floor + (1 - floor) (1 + cos(pi step / total)) / 2; Loshchilov and Hutter 2017, without restarts.
[[nodiscard]] double cosine(double step, double total, double floor = 0);

/// The same, starting anew after `first`, then first * multiplier, ... steps.
[[nodiscard]] double cosine_restarts(double step, double first, double multiplier = 1, double floor = 0);

/// gamma^floor(step / every).
[[nodiscard]] double step_decay(double step, double every, double gamma);

/// gamma^(number of milestones reached); a milestone named twice counts twice.
[[nodiscard]] double multi_step(double step, std::span<const double> milestones, double gamma);

/// gamma^step.
[[nodiscard]] double exponential(double step, double gamma);

/// From `start` in a straight line to `end`, reached at `total` and kept.
[[nodiscard]] double linear(double step, double total, double start, double end = 1);

/// (1 - step / total)^power, 0 from `total` on.
[[nodiscard]] double polynomial(double step, double total, double power);

struct OneCycle {
    double warm_up_share = 0.3;  ///< of the steps, in (0, 1)
    double start_divisor = 25;   ///< the first factor is 1 / this
    double end_divisor = 1e4;    ///< the last factor is 1 / (start_divisor * this)
    bool linear = false;         ///< straight lines instead of half cosines
    bool three_phases = false;   ///< down to the start as it came up, then to the end
};

/// Smith and Topin 2018: up from 1 / start_divisor to 1, then down. The peak is the base learning rate.
[[nodiscard]] double one_cycle(double step, double total, const OneCycle& options = {});

/// The momentum that goes with it: from `high` down to `low` while the rate rises, and back.
[[nodiscard]] double one_cycle_momentum(double step, double total, double low, double high,
                                        const OneCycle& options = {});

}  // namespace schedule

enum class ScheduleKind { constant, cosine, step, exponential, linear, one_cycle };

/// Throws UnknownName that lists the known ones.
[[nodiscard]] ScheduleKind schedule_from_name(const std::string& name);
[[nodiscard]] std::string to_string(ScheduleKind kind);

/// How the learning rate moves over a training. Steps are updates, not epochs.
struct Schedule {
    ScheduleKind kind = ScheduleKind::cosine;
    double warm_up_epochs = 0;   ///< linear rise from warm_up_start; a share of the training where below 1
    double warm_up_start = 0.1;  ///< factor of the first update, in (0, 1]
    double final_factor = 0;     ///< where cosine and linear end, in [0, 1]
    double step_epochs = 10;     ///< of `step`: epochs between drops
    double gamma = 0.1;          ///< of `step` (a drop) and `exponential` (an epoch), in (0, 1]
    schedule::OneCycle one_cycle{};  ///< has its own warm-up

    /// Throws InvalidOption that names the field, its value and the rule.
    void validate() const;
};

/// The factor for update `step` of `steps_per_epoch * epochs` updates.
[[nodiscard]] double learning_rate_factor(const Schedule& schedule, std::int64_t step,
                                          std::int64_t steps_per_epoch, std::int64_t epochs);

}  // namespace attune
