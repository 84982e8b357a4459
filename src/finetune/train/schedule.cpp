#include "attune/finetune/train/schedule.hpp"

#include <algorithm>
#include <array>
#include <cmath>
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
    return straight(start, end, total <= 0 ? 1 : std::min(step / total, 1.0));
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

}  // namespace schedule

namespace {

constexpr std::array<std::pair<const char*, ScheduleKind>, 6> names{
    {{"constant", ScheduleKind::constant},
     {"cosine", ScheduleKind::cosine},
     {"step", ScheduleKind::step},
     {"exponential", ScheduleKind::exponential},
     {"linear", ScheduleKind::linear},
     {"one_cycle", ScheduleKind::one_cycle}}};

void require(bool holds, const std::string& option, double value, const std::string& rule) {
    if (!holds) throw InvalidOption("schedule." + option + " " + std::to_string(value) + " must be " + rule);
}

double main_factor(const Schedule& plan, double step, double total, double steps_per_epoch) {
    switch (plan.kind) {
        case ScheduleKind::constant:
            return 1;
        case ScheduleKind::cosine:
            return schedule::cosine(step, total, plan.final_factor);
        case ScheduleKind::step:
            return schedule::step_decay(step, plan.step_epochs * steps_per_epoch, plan.gamma);
        case ScheduleKind::exponential:
            return schedule::exponential(step / steps_per_epoch, plan.gamma);
        case ScheduleKind::linear:
            return schedule::linear(step, total, 1, plan.final_factor);
        case ScheduleKind::one_cycle:
            break;
    }
    return schedule::one_cycle(step, total, plan.one_cycle);
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
    require(warm_up_start > 0 && warm_up_start <= 1, "warm_up_start", warm_up_start, "in (0, 1]");
    require(final_factor >= 0 && final_factor <= 1, "final_factor", final_factor, "in [0, 1]");
    require(step_epochs > 0 && std::isfinite(step_epochs), "step_epochs", step_epochs, "above 0");
    require(gamma > 0 && gamma <= 1, "gamma", gamma, "in (0, 1]");
    require(one_cycle.warm_up_share > 0 && one_cycle.warm_up_share < 1, "one_cycle.warm_up_share",
            one_cycle.warm_up_share, "in (0, 1)");
    require(one_cycle.start_divisor >= 1, "one_cycle.start_divisor", one_cycle.start_divisor, "at least 1");
    require(one_cycle.end_divisor >= 1, "one_cycle.end_divisor", one_cycle.end_divisor, "at least 1");
}

double learning_rate_factor(const Schedule& plan, std::int64_t step, std::int64_t steps_per_epoch,
                            std::int64_t epochs) {
    const auto total = static_cast<double>(steps_per_epoch * epochs);
    const auto at = static_cast<double>(step);
    const auto per_epoch = static_cast<double>(steps_per_epoch);
    if (plan.kind == ScheduleKind::one_cycle) return main_factor(plan, at, total, per_epoch);
    const double wanted =
        plan.warm_up_epochs < 1 ? plan.warm_up_epochs * total : plan.warm_up_epochs * per_epoch;
    const double warm_up = std::min(std::round(wanted), total);
    if (at < warm_up) return schedule::linear(at, warm_up, plan.warm_up_start);
    return main_factor(plan, at - warm_up, std::max(1.0, total - warm_up), per_epoch);
}

}  // namespace attune
