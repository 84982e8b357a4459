#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "attune/storage/binary_codec.hpp"
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
/// Its bytes where events are long, far below what the storages take at once.
inline constexpr std::size_t most_bytes_in_a_part = std::size_t{4} << 20;

/// Calls `put(position, part)` for the part, or for halves of it that are short enough. An event alone goes
/// in as it is.
template <class Put>
void in_short_parts(std::uint64_t position, std::span<const Event> part, Put&& put) {
    if (part.size() < 2 || to_bytes(part).size() <= most_bytes_in_a_part) return put(position, part);
    const std::size_t half = part.size() / 2;
    in_short_parts(position, part.first(half), put);
    in_short_parts(position + half, part.subspan(half), put);
}

/// Calls `put(position, part)` for large parts of at most `most` events, one after the other.
template <class Put>
void in_large_parts(std::span<const Event> events, Put&& put, std::size_t most = most_in_a_part) {
    for (std::size_t i = 0; i < events.size(); i += most)
        in_short_parts(i, events.subspan(i, std::min(most, events.size() - i)), put);
}

}  // namespace attune::parts
