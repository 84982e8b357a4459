#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "attune/study/study.hpp"

namespace attune::parts {

/// A study that goes into a merged one.
struct MergeSource {
    std::string name;  ///< for people: each of its trials says where it came from
    std::vector<Event> events;
    Study study;  ///< what the events make
};

struct MergedEvents {
    std::vector<Event> events;
    /// Trials that several sources hold, as a study and its copy do: each was taken once.
    std::size_t held_twice = 0;
};

/// The events of a study of the sources' trials, as merge_studies() describes it. There must be a source, and
/// all must be created, with the same present space.
[[nodiscard]] MergedEvents merge_events(const std::vector<MergeSource>& sources);

}  // namespace attune::parts
