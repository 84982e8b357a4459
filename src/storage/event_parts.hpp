#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "attune/storage/durability.hpp"
#include "attune/study/event.hpp"

/// What all storages decide by the events that they are given.
namespace attune::parts {

/// Whether an append of these must be on the disk before it is acknowledged.
[[nodiscard]] inline bool needs_flush(std::span<const Event> events, Durability durability) {
    if (durability != Durability::power_loss) return durability == Durability::power_loss_with_reports;
    return std::any_of(events.begin(), events.end(),
                       [](const Event& e) { return !std::holds_alternative<event::Reported>(e.body); });
}

/// Events of a large part: about a megabyte.
inline constexpr std::size_t most_in_a_part = 8192;

/// Calls `put(position, part)` for large parts, one after the other.
template <class Put>
void in_large_parts(std::span<const Event> events, Put&& put) {
    for (std::size_t i = 0; i < events.size(); i += most_in_a_part)
        put(static_cast<std::uint64_t>(i), events.subspan(i, std::min(most_in_a_part, events.size() - i)));
}

}  // namespace attune::parts
