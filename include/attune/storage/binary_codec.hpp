#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/study/event.hpp"

/// Events as compact bytes: what journals and databases keep. Doubles keep their bits, values their type. The
/// functions may be called from any thread.
namespace attune {

/// Bytes that are no events of a known form.
struct InvalidEventBytes : Error {
    explicit InvalidEventBytes(const std::string& message) : Error("invalid_event_bytes", message) {}
};

/// Version of the form that is written here. All versions up to it are read: 2 has changes of the space, 3
/// trials that pause at a step and numbers of decisions, 4 outcome constraints.
inline constexpr int binary_event_version = 4;

/// The events one after another, behind a byte with the version.
[[nodiscard]] std::string to_bytes(std::span<const Event> events);

/// Appends exactly `count` events to `events`. Throws InvalidEventBytes for bytes that to_bytes does not
/// write, with what is wrong with which event; events of a later version are named as such.
void from_bytes(std::string_view bytes, std::uint64_t count, std::vector<Event>& events);

}  // namespace attune
