#include "attune/finetune/train/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "attune/error.hpp"

namespace attune {
namespace schedule {
namespace {

double half_cosine(double from, double to, double share) {
    return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

double straight(double from, double to, double share) { return from + (to - from) * share; }

/// The end points of each leg of a one-cycle schedule and where it ends; the last step is total - 1.
struct Leg {
    double end;
    double from;
    double to;
};

double along(std::array<Leg, 3> legs, std::size_t count, double step, bool linear) {
    double begin = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& leg = legs[i];
        if (step <= leg.end || i + 1 == count) {
            const double length = leg.end - begin;
            const double share = length <= 0 ? 1 : std::clamp((step - begin) / length, 0.0, 1.0);
            return linear ? straight(leg.from, leg.to, share) : half_cosine(leg.from, leg.to, share);
        }
        begin = leg.end;
    }
    return legs[count - 1].to;
}

double one_cycle_legs(double step, double total, double start, double peak, double end,
                      const OneCycle& options) {
    const double top = options.warm_up_share * total - 1;
    if (options.three_phases)
        return along({{{top, start, peak},
                       {2 * options.warm_up_share * total - 2, peak, start},
                       {total - 1, start, end}}},
                     3, step, options.linear);
    return along({{{top, start, peak}, {total - 1, peak, end}, {total - 1, end, end}}}, 2, step,
                 options.linear);
}

}  // namespace

double cosine(double step, double total, double floor) {
    return floor + (1 - floor) * (1 + std::cos(std::numbers::pi * step / total)) / 2;
}

double cosine_restarts(double step, double first, double multiplier, double floor) {
    double length = first;
    while (step >= length) {
        step -= length;
        length *= multiplier;
    }
    return cosine(step, length, floor);
}

double step_decay(double step, double every, double gamma) {
    return std::pow(gamma, std::floor(step / every));
}

double multi_step(double step, std::span<const double> milestones, double gamma) {
    return std::pow(gamma, static_cast<double>(std::ranges::count_if(
                               milestones, [&](double milestone) { return step >= milestone; })));
}

double exponential(double step, double gamma) { return std::pow(gamma, step); }

double linear(double step, double total, double start, double end) {
    return straight(start, end, total <= 0 ? 1 : std::clamp(step / total, 0.0, 1.0));
}

double polynomial(double step, double total, double power) {
    return std::pow(std::max(0.0, 1 - step / total), power);
}

double one_cycle(double step, double total, const OneCycle& options) {
    const double start = 1 / options.start_divisor;
    return one_cycle_legs(step, total, start, 1, start / options.end_divisor, options);
}

double one_cycle_momentum(double step, double total, double low, double high, const OneCycle& options) {
    return one_cycle_legs(step, total, high, low, high, options);
}

double cyclic(double step, const Cyclic& options) {
    const double down = options.down > 0 ? options.down : options.up;
    const double length = options.up + down;
    const double cycle = std::floor(step / length);
    const double at = step - cycle * length;
    const double height = at <= options.up ? at / options.up : (length - at) / down;
    switch (options.height) {
        case CycleHeight::same:
            return height;
        case CycleHeight::halved:
            return height * std::exp2(-cycle);
        case CycleHeight::decaying:
            break;
    }
    return height * std::pow(options.gamma, step);
}

double on_plateau(std::span<const double> values, const Plateau& options) {
    const double sign = options.maximize ? -1 : 1;
    double best = std::numeric_limits<double>::infinity();  // of sign * value
    double factor = 1;
    std::int64_t bad = 0;
    std::int64_t cooling = 0;
    for (const double value : values) {
        const double bar =
            options.relative ? best - options.threshold * sign * best : best - options.threshold;
        const bool first = std::isinf(best);
        if (first ? sign * value < best : sign * value < bar) {
            best = sign * value;
            bad = 0;
        } else {
            ++bad;
        }
        if (cooling > 0) {
            --cooling;
            bad = 0;
        }
        if (bad <= options.patience) continue;
        const double lower = std::max(factor * options.factor, options.smallest);
        if (factor - lower > options.least_change) factor = lower;
        cooling = options.cooldown;
        bad = 0;
    }
    return factor;
}

}  // namespace schedule

namespace {

constexpr std::array<std::pair<const char*, ScheduleKind>, 11> names{
    {{"constant", ScheduleKind::constant},
     {"cosine", ScheduleKind::cosine},
     {"cosine_restarts", ScheduleKind::cosine_restarts},
     {"step", ScheduleKind::step},
     {"multi_step", ScheduleKind::multi_step},
     {"exponential", ScheduleKind::exponential},
     {"linear", ScheduleKind::linear},
     {"polynomial", ScheduleKind::polynomial},
     {"one_cycle", ScheduleKind::one_cycle},
     {"cyclic", ScheduleKind::cyclic},
     {"plateau", ScheduleKind::plateau}}};

void require(bool holds, const std::string& option, double value, const std::string& rule) {
    if (!holds) throw InvalidOption("schedule." + option + " " + std::to_string(value) + " must be " + rule);
}

schedule::Cyclic cyclic_of(const Schedule& plan, double steps_per_epoch) {
    const double half = plan.cycle_epochs * steps_per_epoch / 2;
    return {half, half, plan.cycle_height, std::pow(plan.gamma, 1 / steps_per_epoch)};
}

double multi_step_of(const Schedule& plan, double epoch) {
    return schedule::multi_step(epoch, plan.milestones, plan.gamma);
}

/// `step` and `total` without the warm-up.
double main_factor(const Schedule& plan, double step, double total, const ScheduleMoment& moment) {
    const auto per_epoch = static_cast<double>(moment.steps_per_epoch);
    switch (plan.kind) {
        case ScheduleKind::constant:
            return 1;
        case ScheduleKind::cosine:
            return schedule::cosine(step, total, plan.final_factor);
        case ScheduleKind::cosine_restarts:
            return schedule::cosine_restarts(step, plan.cycle_epochs * per_epoch, plan.cycle_multiplier,
                                             plan.final_factor);
        case ScheduleKind::step:
            return schedule::step_decay(step, plan.step_epochs * per_epoch, plan.gamma);
        case ScheduleKind::multi_step:
            return multi_step_of(plan, static_cast<double>(moment.step) / per_epoch);
        case ScheduleKind::exponential:
            return schedule::exponential(step / per_epoch, plan.gamma);
        case ScheduleKind::linear:
            return schedule::linear(step, total, 1, plan.final_factor);
        case ScheduleKind::polynomial:
            return plan.final_factor +
                   (1 - plan.final_factor) * schedule::polynomial(step, total, plan.power);
        case ScheduleKind::one_cycle:
            return schedule::one_cycle(step, total, plan.one_cycle);
        case ScheduleKind::cyclic:
            return plan.final_factor +
                   (1 - plan.final_factor) * schedule::cyclic(step, cyclic_of(plan, per_epoch));
        case ScheduleKind::plateau:
            break;
    }
    auto plateau = plan.plateau;
    plateau.maximize = false;
    return schedule::on_plateau(moment.validation_losses, plateau);
}

}  // namespace

ScheduleKind schedule_from_name(const std::string& name) {
    std::string known;
    for (const auto& [word, kind] : names) {
        if (name == word) return kind;
        known += (known.empty() ? "" : ", ") + std::string(word);
    }
    throw UnknownName("schedule \"" + name + "\" is not known; known are " + known);
}

std::string to_string(ScheduleKind kind) {
    for (const auto& [word, known] : names)
        if (known == kind) return word;
    return "?";
}

void Schedule::validate() const {
    require(warm_up_epochs >= 0 && std::isfinite(warm_up_epochs), "warm_up_epochs", warm_up_epochs,
            "at least 0");
    require(warm_up_share >= 0 && warm_up_share < 1, "warm_up_share", warm_up_share, "in [0, 1)");
    require(warm_up_share == 0 || warm_up_epochs == 0, "warm_up_share", warm_up_share,
            "0 where warm_up_epochs is given");
    require(warm_up_start > 0 && warm_up_start <= 1, "warm_up_start", warm_up_start, "in (0, 1]");
    require(final_factor >= 0 && final_factor <= 1, "final_factor", final_factor, "in [0, 1]");
    require(step_epochs > 0 && std::isfinite(step_epochs), "step_epochs", step_epochs, "above 0");
    require(gamma > 0 && gamma <= 1, "gamma", gamma, "in (0, 1]");
    require(one_cycle.warm_up_share > 0 && one_cycle.warm_up_share < 1, "one_cycle.warm_up_share",
            one_cycle.warm_up_share, "in (0, 1)");
    require(one_cycle.start_divisor >= 1, "one_cycle.start_divisor", one_cycle.start_divisor, "at least 1");
    require(one_cycle.end_divisor >= 1, "one_cycle.end_divisor", one_cycle.end_divisor, "at least 1");
    for (const double milestone : milestones)
        require(milestone >= 0 && std::isfinite(milestone), "milestones", milestone, "at least 0");
    require(kind != ScheduleKind::multi_step || !milestones.empty(), "milestones", 0,
            "named for multi_step; there are none");
    require(power > 0 && std::isfinite(power), "power", power, "above 0");
    require(cycle_epochs > 0 && std::isfinite(cycle_epochs), "cycle_epochs", cycle_epochs, "above 0");
    require(cycle_multiplier >= 1 && std::isfinite(cycle_multiplier), "cycle_multiplier", cycle_multiplier,
            "at least 1");
    require(plateau.factor > 0 && plateau.factor < 1, "plateau.factor", plateau.factor, "in (0, 1)");
    require(plateau.patience >= 0, "plateau.patience", static_cast<double>(plateau.patience), "at least 0");
    require(plateau.cooldown >= 0, "plateau.cooldown", static_cast<double>(plateau.cooldown), "at least 0");
    require(plateau.threshold >= 0 && std::isfinite(plateau.threshold), "plateau.threshold",
            plateau.threshold, "at least 0");
    require(plateau.smallest >= 0 && plateau.smallest <= 1, "plateau.smallest", plateau.smallest,
            "in [0, 1]");
    require(plateau.least_change >= 0 && plateau.least_change < 1, "plateau.least_change",
            plateau.least_change, "in [0, 1)");
    require(lowest_momentum >= 0 && lowest_momentum < 1, "lowest_momentum", lowest_momentum, "in [0, 1)");
}

double learning_rate_factor(const Schedule& plan, const ScheduleMoment& moment) {
    const auto total = static_cast<double>(moment.steps_per_epoch * moment.epochs);
    const auto at = static_cast<double>(moment.step);
    if (plan.kind == ScheduleKind::one_cycle) return main_factor(plan, at, total, moment);
    const double wanted =
        plan.warm_up_share * total + plan.warm_up_epochs * static_cast<double>(moment.steps_per_epoch);
    const double warm_up = std::min(std::round(wanted), total);
    if (at < warm_up) return schedule::linear(at, warm_up, plan.warm_up_start);
    return main_factor(plan, at - warm_up, std::max(1.0, total - warm_up), moment);
}

double learning_rate_factor(const Schedule& plan, std::int64_t step, std::int64_t steps_per_epoch,
                            std::int64_t epochs) {
    return learning_rate_factor(plan, {step, steps_per_epoch, epochs, {}});
}

double momentum_at(const Schedule& plan, double momentum, const ScheduleMoment& moment) {
    if (plan.lowest_momentum == 0) return momentum;
    const auto at = static_cast<double>(moment.step);
    const auto per_epoch = static_cast<double>(moment.steps_per_epoch);
    if (plan.kind == ScheduleKind::one_cycle)
        return schedule::one_cycle_momentum(at, per_epoch * static_cast<double>(moment.epochs),
                                            plan.lowest_momentum, momentum, plan.one_cycle);
    if (plan.kind == ScheduleKind::cyclic)
        return momentum -
               (momentum - plan.lowest_momentum) * schedule::cyclic(at, cyclic_of(plan, per_epoch));
    return momentum;
}

}  // namespace attune
