#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "attune/study/study.hpp"

namespace attune {

/// What a limit looks at: the study, when this run of it began and what time it is (seconds of the study's
/// clock).
struct RunProgress {
    const Study& study;
    double started_seconds;
    double now_seconds;
    bool resuming = false;  ///< whether a trial may be gone on with, not begun
};

/// When a run of a study ends. Limits combine: `max_trials(100) || target(0.95)`, `max_trials(20) &&
/// no_improvement(10)`.
///
/// Asked before every new trial; gives the reason once it is reached, which the study records. A value type.
class Limit {
  public:
    using Check = std::function<std::optional<std::string>(const RunProgress&)>;
    explicit Limit(Check check) : check_(std::move(check)) {}

    [[nodiscard]] std::optional<std::string> reached(const RunProgress& progress) const {
        return check_(progress);
    }

    friend Limit operator||(Limit a, Limit b) {
        return Limit([a = std::move(a), b = std::move(b)](const RunProgress& p) {
            auto reason = a.reached(p);
            return reason ? reason : b.reached(p);
        });
    }
    friend Limit operator&&(Limit a, Limit b) {
        return Limit(
            [a = std::move(a), b = std::move(b)](const RunProgress& p) -> std::optional<std::string> {
                const auto first = a.reached(p), second = b.reached(p);
                if (!first || !second) return std::nullopt;
                return *first + " and " + *second;
            });
    }

  private:
    Check check_;
};

/// Trials asked for in the whole life of the study (so a resumed run goes on to the same total); failures of
/// the environment do not count. Paused ones among them may still be gone on with.
[[nodiscard]] inline Limit max_trials(std::int64_t trials) {
    if (trials < 0) throw InvalidOption(fmt::format("max_trials ({}) must be at least 0", trials));
    return Limit([trials](const RunProgress& p) -> std::optional<std::string> {
        if (p.resuming) return std::nullopt;
        std::int64_t counted = 0;
        for (const TrialRecord& trial : p.study.trials())
            counted += trial.failure != FailureKind::environment;
        if (counted < trials) return std::nullopt;
        std::string reason = detail::counted(counted, "trial") + (counted == 1 ? " was run" : " were run");
        if (counted > trials) reason += fmt::format("; the limit is {}", trials);
        return reason;
    });
}

/// Time of this run.
[[nodiscard]] inline Limit max_duration(std::chrono::duration<double> duration) {
    if (!(duration.count() > 0))
        throw InvalidOption(fmt::format("max_duration ({} s) must be above 0", duration.count()));
    return Limit([seconds = duration.count()](const RunProgress& p) -> std::optional<std::string> {
        if (p.now_seconds - p.started_seconds < seconds) return std::nullopt;
        return fmt::format("the time limit of {:.0f} s was reached", seconds);
    });
}

/// The best value of the first objective is at least as good as `value`.
[[nodiscard]] inline Limit target(double value) {
    if (std::isnan(value)) throw InvalidOption("target (nan) must be a number");
    return Limit([value](const RunProgress& p) -> std::optional<std::string> {
        const TrialRecord* best = p.study.best();
        if (best == nullptr || p.study.objective().better(value, p.study.value(*best))) return std::nullopt;
        return fmt::format("the target {} = {} was reached", p.study.objective().metric, value);
    });
}

/// The best value is as old as `trials` finished trials; failures of the environment do not count. While no
/// trial keeps the outcome constraints, the one that comes nearest stands for the best.
[[nodiscard]] inline Limit no_improvement(std::int64_t trials) {
    if (trials < 1) throw InvalidOption(fmt::format("no_improvement ({}) must be at least 1 trial", trials));
    return Limit([trials](const RunProgress& p) -> std::optional<std::string> {
        const TrialRecord* best = p.study.best();
        if (best == nullptr) best = p.study.nearest_to_constraints();
        if (best == nullptr) return std::nullopt;
        std::int64_t since = 0;
        for (const TrialRecord& trial : p.study.trials())
            since += trial.finished() && trial.failure != FailureKind::environment &&
                     std::pair(trial.finished_seconds, trial.number) >
                         std::pair(best->finished_seconds, best->number);
        if (since < trials) return std::nullopt;
        return "no improvement in " + detail::counted(trials, "trial");
    });
}

/// The costs told with the trials add up to `cost`.
[[nodiscard]] inline Limit max_cost(double cost) {
    if (!(cost > 0)) throw InvalidOption(fmt::format("max_cost ({}) must be above 0", cost));
    return Limit([cost](const RunProgress& p) -> std::optional<std::string> {
        double spent = 0;
        for (const TrialRecord& trial : p.study.trials()) spent += trial.cost.value_or(0);
        if (spent < cost) return std::nullopt;
        return fmt::format("the cost limit {} was reached", cost);
    });
}

/// The last `trials` finished trials failed, all of them: something is wrong that more trials will not mend.
[[nodiscard]] inline Limit failures_in_a_row(int trials) {
    if (trials < 1) throw InvalidOption(fmt::format("failures_in_a_row ({}) must be at least 1", trials));
    return Limit([trials](const RunProgress& p) -> std::optional<std::string> {
        int failed = 0;
        const TrialRecord* last = nullptr;
        for (auto trial = p.study.trials().rbegin(); trial != p.study.trials().rend() && failed < trials;
             ++trial) {
            if (!trial->finished()) continue;
            if (trial->state != TrialState::failed || trial->started_seconds < p.started_seconds)
                return std::nullopt;
            if (last == nullptr) last = &*trial;
            ++failed;
        }
        if (failed < trials) return std::nullopt;
        if (failed == 1) return "a trial failed, because: " + last->reason;
        return fmt::format("{} trials failed in a row, the last one because: {}", failed, last->reason);
    });
}

/// The limits people mostly want; the first one reached ends the run.
struct Limits {
    std::optional<std::int64_t> max_trials{};
    std::optional<std::chrono::duration<double>> max_duration{};
    std::optional<double> target{};
    std::optional<std::int64_t> max_trials_without_improvement{};
    std::optional<double> max_cost{};
    int max_failures_in_a_row = 20;
    std::optional<Limit> also{};  ///< any other one, such as converged()

    /// As one limit. Throws InvalidOption for values outside their ranges.
    [[nodiscard]] Limit any() const {
        Limit limit = failures_in_a_row(max_failures_in_a_row);
        if (max_trials) limit = attune::max_trials(*max_trials) || limit;
        if (max_duration) limit = limit || attune::max_duration(*max_duration);
        if (target) limit = limit || attune::target(*target);
        if (max_trials_without_improvement) limit = limit || no_improvement(*max_trials_without_improvement);
        if (max_cost) limit = limit || attune::max_cost(*max_cost);
        if (also) limit = limit || *also;
        return limit;
    }
};

}  // namespace attune
