#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attune/storage/file.hpp"
#include "attune/study/event.hpp"
#include "journal_format.hpp"

namespace attune::journal {

/// Where the frames of a journal stand, as far as they were read and found sound.
class FrameIndex {
  public:
    /// Takes in all whole frames behind those known; gives what stands behind them. Throws StorageError that
    /// begins with `name` for damage in front of sound frames or of what was on the disk, and where the file
    /// became shorter. `flushed_bytes`: how much of the file was known to be on the disk before this call.
    Damage scan(File& file, const std::string& name, std::uint64_t flushed_bytes = 0);
    /// The events from a position on. Throws StorageError for a frame that cannot be read any more.
    [[nodiscard]] std::vector<Event> events(File& file, std::uint64_t from, const std::string& name) const;
    /// Adds a frame or a mark that was written behind the last one.
    void add(const Head& head);
    /// Takes the last one back. Precondition: it was no mark.
    void drop_last();

    /// How many events there are.
    [[nodiscard]] std::uint64_t position() const { return position_; }
    /// Where the last whole frame or mark ends.
    [[nodiscard]] std::uint64_t end() const { return end_; }
    /// How many events some writer knew to be on the disk.
    [[nodiscard]] std::uint64_t flushed() const { return flushed_; }

  private:
    struct Entry {
        std::uint64_t position, offset;
        std::uint32_t count, body_size;
    };

    std::vector<Entry> frames_;
    std::uint64_t position_ = 0;
    std::uint64_t end_ = header_size;
    std::uint64_t flushed_ = 0;
};

}  // namespace attune::journal
