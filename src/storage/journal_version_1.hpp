#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "attune/storage/file.hpp"
#include "attune/study/event.hpp"
#include "journal_format.hpp"

/// Journals of version 1, which are read and turned into the present form, but written no more.
///
/// A line an event: `position more flushed length checksum payload`, ended by a line feed. `more` counts the
/// records that follow in the same append; `flushed` is how many events were known to be on the disk when
/// this one was written, which proves that a damaged one before was no torn write. The checksum is the CRC-32
/// over all of the line but itself, the payload the event as JSON.
namespace attune::journal::version_1 {

inline constexpr std::string_view header = "ATTUNE JOURNAL 1\n";

/// What a file holds, and where its whole appends end.
struct Content {
    std::vector<Event> events;
    std::uint64_t end = 0;
    Damage damage;
};

/// Reads the file behind its header. Throws StorageError that begins with `name`, for damage in front of
/// sound records and for events that cannot be read.
[[nodiscard]] Content read(File& file, const std::string& name);

}  // namespace attune::journal::version_1
