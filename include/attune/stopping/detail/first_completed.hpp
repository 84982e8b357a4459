#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "attune/study/study_follower.hpp"

namespace attune::detail {

/// The trial that completed first, of several at one time the one with the lowest number: what resources are
/// estimated from that nobody said.
class FirstCompleted {
  public:
    struct Found {
        double seconds = 0;  ///< when it completed
        std::int64_t trial = 0;
        double last_step = 0;  ///< the highest step that it reported
        friend bool operator==(const Found&, const Found&) = default;
    };

    [[nodiscard]] std::optional<Found> find(const Study& study) {
        follower_.follow(
            study, [&] { found_.reset(); },
            [&](const TrialRecord& trial) {
                if (trial.state != TrialState::completed || trial.reports.empty()) return;
                const std::pair at(trial.finished_seconds, trial.number);
                if (found_ && std::pair(found_->seconds, found_->trial) <= at) return;
                double last = trial.reports.front().step;
                for (const Report& report : trial.reports) last = report.step > last ? report.step : last;
                found_ = Found{trial.finished_seconds, trial.number, last};
            });
        return found_;
    }

  private:
    StudyFollower follower_;
    std::optional<Found> found_;
};

}  // namespace attune::detail
