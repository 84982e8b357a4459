#pragma once

#include <string>

#include "attune/study/event.hpp"

namespace attune::program {

/// Seconds since the epoch as "2026-01-31 23:59:59" of this machine's time zone.
[[nodiscard]] std::string local_time(double seconds);

/// When and what: an event as a line for people; `attune export` has all of it.
[[nodiscard]] std::string event_line(const Event& event);

}  // namespace attune::program
