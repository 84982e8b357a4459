#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

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

/// How the height of a cycle changes: not, halved with each cycle, or by gamma with each step.
enum class CycleHeight { same, halved, decaying };

struct Cyclic {
    double up = 2000;  ///< steps from the foot to the top
    double down = 0;   ///< steps back; 0: as many as up
    CycleHeight height = CycleHeight::same;
    double gamma = 1;  ///< of `decaying`, in (0, 1]
};

/// Smith 2017: height above the foot in [0, 1] as it goes up and down in straight lines. The rate is foot +
/// (top - foot) * this, the momentum that goes with it high - (high - low) * this.
[[nodiscard]] double cyclic(double step, const Cyclic& options = {});

struct Plateau {
    bool maximize = false;       ///< whether larger values are better
    double factor = 0.1;         ///< of a drop, in (0, 1)
    std::int64_t patience = 10;  ///< values without improvement that are borne
    double threshold = 1e-4;     ///< what counts as an improvement
    bool relative = true;        ///< the threshold is a share of the best value
    std::int64_t cooldown = 0;   ///< values after a drop during which none are counted
    double smallest = 0;         ///< the factor does not fall below
    double least_change = 0;     ///< drops of the factor that are not above this are left out
};

/// The factor after these values (one an epoch): lower each time that they stopped getting better.
[[nodiscard]] double on_plateau(std::span<const double> values, const Plateau& options = {});

}  // namespace schedule

enum class ScheduleKind {
    constant,
    cosine,
    cosine_restarts,
    step,
    multi_step,
    exponential,
    linear,
    polynomial,
    one_cycle,
    cyclic,
    plateau,
};

/// Throws UnknownName that lists the known ones.
[[nodiscard]] ScheduleKind schedule_from_name(const std::string& name);
[[nodiscard]] std::string to_string(ScheduleKind kind);

/// How the learning rate moves over a training. Steps are updates, not epochs.
struct Schedule {
    ScheduleKind kind = ScheduleKind::cosine;
    double warm_up_epochs = 0;   ///< linear rise from warm_up_start before the main schedule begins
    double warm_up_share = 0;    ///< the same as a share of the training, in [0, 1); of the two one is 0
    double warm_up_start = 0.1;  ///< factor of the first update, in (0, 1]
    double final_factor = 0;     ///< where cosine, linear and polynomial end; foot of `cyclic`; in [0, 1]
    double step_epochs = 10;     ///< of `step`: epochs between drops
    std::vector<double> milestones{};  ///< of `multi_step`: epochs of the drops
    double gamma = 0.1;        ///< of `step`, `multi_step` (a drop) and `exponential` (an epoch), in (0, 1]
    double power = 1;          ///< of `polynomial`, above 0
    double cycle_epochs = 10;  ///< of `cosine_restarts`, the first cycle, and of `cyclic`, up and down
    double cycle_multiplier = 1;  ///< of `cosine_restarts`: length of each cycle by the one before, from 1
    schedule::CycleHeight cycle_height{};  ///< of `cyclic`; `decaying` by gamma an epoch
    schedule::OneCycle one_cycle{};        ///< has a rise of its own in place of the warm-up
    /// Of `plateau`, which watches the validation loss. Its `maximize` has no say.
    schedule::Plateau plateau{};
    /// With `one_cycle` and `cyclic` the momentum (the first beta) falls to this while the rate rises; 0: it
    /// stays. In [0, 1).
    double lowest_momentum = 0;

    /// Throws InvalidOption that names the field, its value and the rule.
    void validate() const;
};

/// Where a training stands.
struct ScheduleMoment {
    std::int64_t step = 0;  ///< updates before this one
    std::int64_t steps_per_epoch = 1;
    std::int64_t epochs = 1;
    std::span<const double> validation_losses{};  ///< so far, one a validated epoch
};

/// The factor on the base learning rate for the next update.
[[nodiscard]] double learning_rate_factor(const Schedule& schedule, const ScheduleMoment& moment);

/// The same for schedules that watch nothing: update `step` of `steps_per_epoch * epochs` updates.
[[nodiscard]] double learning_rate_factor(const Schedule& schedule, std::int64_t step,
                                          std::int64_t steps_per_epoch, std::int64_t epochs);

/// The momentum for the next update where `momentum` is the recipe's.
[[nodiscard]] double momentum_at(const Schedule& schedule, double momentum, const ScheduleMoment& moment);

}  // namespace attune
