#pragma once

#include <utility>
#include <vector>

#include "attune/study/study.hpp"

namespace attune {

/// When the trials of a study were at work, in seconds of the study's clock.
struct WorkTime {
    double seconds = 0;        ///< in which the study was at work: from begun to ended, pauses left out
    double begun_seconds = 0;  ///< when the first trial began; the study's creation where there is none
    double ended_seconds = 0;  ///< the study's latest event
    /// From and until when no trial was at work, in order: between two runs, or while a host was busy with
    /// something else.
    std::vector<std::pair<double, double>> pauses;
};

/// Time at work as the trials' times tell it: a study that is killed in the evening and gone on with in the
/// morning did not work all night.
///
/// A finished or paused trial is at work from its start to its end, but for the time between a pause and its
/// being gone on with; a running one until the study's latest event, an interrupted or waiting one until its
/// latest report. An attempt that was lost and begun again from
/// the start counts from its new start. Gaps of up to 5 seconds between trials, in which the next one is
/// thought out, count as work. Thread-safe for a study that is not being changed.
[[nodiscard]] WorkTime work_time(const Study& study);

/// The length of all pauses together.
[[nodiscard]] double seconds_paused(const WorkTime& time);

}  // namespace attune
