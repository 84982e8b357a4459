#pragma once

#include <concepts>
#include <exception>
#include <span>
#include <type_traits>
#include <utility>

#include "attune/tune/tuner.hpp"

namespace attune {

template <class Part>
void Tuner::take(Part&& part) {
    using P = std::remove_cvref_t<Part>;
    if constexpr (std::same_as<P, TunerOptions>)
        options_ = std::forward<Part>(part);
    else if constexpr (std::same_as<P, Observer>)
        observers_.push_back(std::forward<Part>(part));
    else if constexpr (std::same_as<P, OutcomeConstraint>)
        outcome_constraints_.push_back(std::forward<Part>(part));
    else if constexpr (std::same_as<P, std::vector<OutcomeConstraint>>)
        outcome_constraints_.insert(outcome_constraints_.end(), part.begin(), part.end());
    else if constexpr (Strategy<P>)
        strategy_ = AnyStrategy(std::forward<Part>(part));
    else if constexpr (StoppingPolicy<P>)
        policy_ = AnyStoppingPolicy(std::forward<Part>(part));
    else if constexpr (Storage<P>)
        storage_.emplace(std::forward<Part>(part));
    else if constexpr (Executor<P>)
        executor_ = AnyExecutor(std::forward<Part>(part));
    else
        static_assert(
            !sizeof(P),
            "a part of a Tuner is a Strategy (suggest), a StoppingPolicy (decide), a Storage (append, read), "
            "an Executor "
            "(run, slots), an Observer, an OutcomeConstraint or TunerOptions; see the concept of the role "
            "for the exact members");
}

template <class Objective_>
void Tuner::evaluate(std::vector<Trial>& trials, Objective_& objective) {
    if constexpr (std::invocable<Objective_&, std::span<Trial>>) {
        std::exception_ptr fault;
        try {
            objective(std::span<Trial>(trials));
        } catch (...) {
            fault = std::current_exception();
        }
        for (Trial& trial : trials)
            if (trial.tuner_ != nullptr)
                settle(trial, [&] {
                    if (fault) std::rethrow_exception(fault);
                });
    } else {
        Trial& trial = trials.front();
        settle(trial, [&] {
            using Result = std::invoke_result_t<Objective_&, Trial&>;
            if constexpr (std::is_void_v<Result>) {
                objective(trial);
            } else {
                const Result result = objective(trial);
                if (trial.tuner_ != nullptr && !left_off(trial)) trial.tell(result);
            }
        });
    }
}

template <class Objective_>
Outcome Tuner::run(const Limit& limit, std::optional<std::chrono::duration<double>> duration,
                   Objective_&& objective, const std::stop_token& cancel) {
    static_assert(
        std::invocable<Objective_&, Trial&> || std::invocable<Objective_&, std::span<Trial>>,
        "an objective takes a Trial& (or a std::span<Trial>) and returns a double, Metrics or nothing");
    return run_rounds(
        limit, duration, std::invocable<Objective_&, std::span<Trial>>,
        [&](std::vector<Trial>& trials) { evaluate(trials, objective); }, cancel);
}

}  // namespace attune
