#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/space/configuration.hpp"
#include "attune/study/objective.hpp"
#include "attune/study/reports.hpp"

namespace attune {

/// Where a trial stands. Running, waiting, paused and interrupted trials are unfinished.
enum class TrialState { waiting, running, paused, interrupted, completed, stopped, failed };

[[nodiscard]] constexpr std::string_view to_string(TrialState state) {
    constexpr std::string_view names[] = {"waiting",   "running", "paused", "interrupted",
                                          "completed", "stopped", "failed"};
    return names[static_cast<int>(state)];
}

/// Whose fault a failure is: of the configuration (it would fail again) or of the environment (it may work
/// elsewhere).
enum class FailureKind { configuration, environment };

[[nodiscard]] constexpr std::string_view to_string(FailureKind kind) {
    return kind == FailureKind::configuration ? "configuration" : "environment";
}

/// The answer to a report.
enum class Decision { proceed, pause, stop };

[[nodiscard]] constexpr std::string_view to_string(Decision decision) {
    constexpr std::string_view names[] = {"proceed", "pause", "stop"};
    return names[static_cast<int>(decision)];
}

/// What a worker came to that had lost the trial to another one meanwhile: kept to be looked at, counted
/// nowhere.
struct LateResult {
    TrialState state = TrialState::completed;
    Metrics metrics;
    std::string reason;
    double time_seconds = 0;  ///< since the epoch of the study's clock
};

/// The role of trials that repeat another to tell luck from merit (see Finalists): early stopping leaves them
/// alone, as a run that was cut short says nothing about that.
inline constexpr std::string_view finalist_role = "finalist";

/// One evaluation of a configuration, as the events so far tell it.
struct TrialRecord {
    std::int64_t number = 0;  ///< dense, from 0, in the order of asking
    TrialState state = TrialState::waiting;
    Configuration configuration;  ///< in the study's present space; see asked()
    /// In the space of its time, where that has changed since.
    std::shared_ptr<const Configuration> original{};
    std::uint32_t space_version = 0;  ///< of the space in which it was asked: how often that had changed
    Reports reports;                  ///< of the latest attempt, in order of arrival
    std::size_t carried_reports = 0;  ///< those from before it was gone on with, until the next report
    std::uint32_t rewrites = 0;       ///< how often earlier reports were taken back
    Metrics metrics;  ///< final ones; those not told come from the reports (Study::final_metrics)
    std::optional<FailureKind> failure;
    Decision decision = Decision::proceed;  ///< the latest answer other than proceed
    std::string reason;                     ///< why it was stopped, paused or failed
    Metrics numbers;                        ///< what the latest decision compared, by name
    std::optional<double> until;            ///< the step at which it is to pause; none: it runs to its end
    std::string suggestion_reason;          ///< why it was asked, or gone on with
    std::string role;                       ///< such as "initial", "exploring", "enqueued"
    std::string fit;  ///< the model's fitted hyperparameters, opaque to all but the strategy that wrote them
    std::uint64_t view = 0;     ///< how many events of the study the suggestion saw
    std::uint32_t attempt = 0;  ///< how often the suggestion was drawn again before it stood
    std::int64_t group = -1;    ///< trials that ran together share the number of their first; -1: alone
    bool resumable = false;
    std::uint64_t worker = 0;      ///< who runs it, or ran it last; 0: not said
    std::uint32_t claim = 0;       ///< how often it was gone on with; what carries another number is stale
    std::vector<LateResult> late;  ///< results of workers that had lost it
    double suggested_seconds = 0;  ///< times since the epoch of the study's clock
    double started_seconds = 0;    ///< of its present stretch of work
    double finished_seconds = 0;   ///< of a paused trial: when it was paused
    double attempt_seconds = 0;    ///< when the latest attempt began: its start, or when it was gone on with
    /// From and until (its latest report) when attempts that were cut off were at work: what is known of
    /// them.
    std::vector<std::pair<double, double>> earlier_attempts;
    std::vector<std::pair<double, double>> earlier_work;  ///< begin and end of the stretches before pauses
    std::optional<double> cost;
    std::map<std::string, std::string> attributes;

    /// Where its checkpoint is kept; empty where none was said. A note of that name.
    [[nodiscard]] std::string checkpoint() const {
        const auto found = attributes.find("checkpoint");
        return found == attributes.end() ? std::string{} : found->second;
    }

    /// The values that it was asked with. `configuration` has the same ones until the space changes; then it
    /// is a SearchSpace::reading() of these in the present space.
    [[nodiscard]] const Configuration& asked() const { return original ? *original : configuration; }

    [[nodiscard]] bool finished() const {
        return state == TrialState::completed || state == TrialState::stopped || state == TrialState::failed;
    }
    /// Asked for and without a result: what a strategy must take as in flight.
    [[nodiscard]] bool pending() const { return !finished(); }
    /// Time worked on it, without the pauses between.
    [[nodiscard]] double duration_seconds() const {
        double sum = finished() || state == TrialState::paused ? finished_seconds - started_seconds : 0;
        for (const auto& [from, to] : earlier_work) sum += to - from;
        return sum;
    }

    /// The final metric, or NaN where it was not told.
    [[nodiscard]] double metric(std::string_view name) const {
        const auto found = metrics.find(name);
        return found == metrics.end() ? std::nan("") : found->second;
    }
};

}  // namespace attune
