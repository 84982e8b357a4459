#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/storage/binary_codec.hpp"
#include "byte_stream.hpp"
#include "journal_format.hpp"

/// What the storages in databases share: rows that hold the events of one append.
namespace attune::rows {

/// Binds the bytes to their place, so that rows cannot change places unseen.
[[nodiscard]] inline std::uint32_t checksum(std::uint64_t position, std::uint64_t count,
                                            std::string_view body) {
    std::string place;
    bytes::put_fixed(place, position);
    bytes::put_fixed(place, count);
    return journal::checksum(body, journal::checksum(place));
}

/// Puts rows together again, and refuses what does not fit. The first row may begin before `from`.
class Reader {
  public:
    Reader(std::string name, std::uint64_t from, std::uint64_t end)
        : name_(std::move(name)), from_(from), end_(end) {}

    void add(std::uint64_t position, std::uint64_t count, std::uint64_t stated_checksum,
             std::string_view body) {
        if (!begun_) first_ = next_ = position;
        if ((!begun_ && position > from_) || position != next_)
            throw StorageError(name_ + ": the events from " + std::to_string(begun_ ? next_ : from_) +
                               " on are missing; restore the database from a copy");
        begun_ = true;
        if (checksum(position, count, body) != stated_checksum)
            throw StorageError(record(position) +
                               ": its checksum does not match its content; restore the "
                               "database from a copy");
        try {
            from_bytes(body, count, events_);
        } catch (const Error& error) {
            throw StorageError(record(position) + ": " + error.what());
        }
        next_ = position + count;
    }

    [[nodiscard]] std::vector<Event> events() {
        if ((begun_ ? next_ : 0) != end_)
            throw StorageError(name_ + ": says that it has " + detail::counted(end_, "event") +
                               ", but holds " + std::to_string(begun_ ? next_ : 0) +
                               "; restore the database from a copy");
        if (begun_)
            events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(from_ - first_));
        return std::move(events_);
    }

  private:
    [[nodiscard]] std::string record(std::uint64_t position) const {
        return name_ + ": record " + std::to_string(position);
    }

    std::string name_;
    std::uint64_t from_, end_;
    std::uint64_t first_ = 0, next_ = 0;
    bool begun_ = false;
    std::vector<Event> events_;
};

}  // namespace attune::rows
