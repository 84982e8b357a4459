#pragma once

#include <cstdint>
#include <utility>

#include "attune/study/study.hpp"

namespace attune {

/// Keeps a cache up with a study: says what is new since the last look, so that the cache holds what reading
/// the study from its beginning would give. Another study, a copy, one that is shorter than before, or one
/// whose space has changed, which reads all trials anew, is read from its beginning. A value type; one thread
/// at a time.
class StudyFollower {
  public:
    /// Calls `reset()` where what was read is of another study, then `changed(trial)` for the trial of each
    /// new event, in their order.
    template <class Reset, class Changed>
    void follow(const Study& study, Reset&& reset, Changed&& changed) {
        if (study.identity() != identity_ || study.position() < position_ ||
            study.space_version() != space_version_) {
            reset();
            identity_ = study.identity();
            space_version_ = study.space_version();
            position_ = 0;
        }
        for (; position_ < study.position(); ++position_)
            if (const std::int64_t number = study.touched()[position_]; number >= 0)
                changed(study.trial(number));
    }

    /// The next look begins anew.
    void forget() { identity_ = 0; }

  private:
    std::uint64_t identity_ = 0;
    std::uint64_t position_ = 0;
    std::uint32_t space_version_ = 0;
};

}  // namespace attune
