#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <vector>

#include "attune/error.hpp"
#include "attune/storage/storage.hpp"

namespace attune {

/// How the events of a study are followed.
struct FollowOptions {
    std::uint64_t from = 0;  ///< position of the first event that is given
    double poll_seconds =
        0.2;  ///< how long to wait before looking again where nothing new was there; above 0

    /// Throws InvalidOption.
    void validate() const {
        if (!(poll_seconds > 0) || !std::isfinite(poll_seconds))
            throw InvalidOption(
                fmt::format("follow: poll_seconds ({}) must be above 0 and finite", poll_seconds));
    }
};

/// Gives a study's events as they come: calls `take(position, events)` on this thread with those that are
/// there from `from` on, and again each time there are more, until `stop` is requested or `take` returns
/// false. Returns the position behind the last event that was taken, from which a later call goes on.
///
/// It reads and nothing else, so a storage that was opened read-only will do, and writers in other processes
/// are not disturbed. A request to stop ends a wait at once, not a read. Throws what the storage and `take`
/// throw, and InvalidOption.
template <Storage S, class Take>
std::uint64_t follow(S& storage, Take&& take, const std::stop_token& stop,
                     const FollowOptions& options = {}) {
    options.validate();
    std::uint64_t position = options.from;
    std::mutex mutex;
    std::condition_variable_any never;
    while (!stop.stop_requested()) {
        const std::vector<Event> events = storage.read(position);
        if (events.empty()) {
            std::unique_lock lock(mutex);
            never.wait_for(lock, stop, std::chrono::duration<double>(options.poll_seconds),
                           [] { return false; });
            continue;
        }
        const std::uint64_t first = position;
        position += events.size();
        if (!take(first, events)) break;
    }
    return position;
}

}  // namespace attune
