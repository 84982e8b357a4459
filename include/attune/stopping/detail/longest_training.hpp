#pragma once

#include <algorithm>

#include "attune/study/study.hpp"
#include "attune/study/study_follower.hpp"

namespace attune::detail {

/// The highest step that a completed trial has come to: what is known of how long trainings are. A cache over
/// the study; one thread at a time.
class LongestTraining {
  public:
    /// 0 while no trial with reports has completed.
    [[nodiscard]] double steps(const Study& study) {
        follower_.follow(
            study, [&] { longest_ = 0; },
            [&](const TrialRecord& trial) {
                if (trial.state == TrialState::completed)
                    for (const Report& report : trial.reports) longest_ = std::max(longest_, report.step);
            });
        return longest_;
    }

  private:
    StudyFollower follower_;
    double longest_ = 0;
};

}  // namespace attune::detail
