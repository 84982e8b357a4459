#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "attune/storage/file.hpp"

namespace attune::sqlite {

/// How many events each study of a database must have: a small file beside it ("studies.db-marks"), written
/// after every commit.
///
/// SQLite reads a write-ahead log up to the first frame that is damaged and says nothing of those behind it.
/// A log that stops before what was acknowledged is known by this file. It is evidence and no more: it is
/// never flushed, may be lost or removed at any time, and what goes wrong with it is passed over. What was
/// only committed counts until the machine starts anew, what was flushed counts after that too. It says
/// nothing of a database that is another file by now.
///
/// A slot of 64 bytes for each study: identity of the database's file, boot, study, events committed, events
/// flushed (8 bytes each), zeros, and the CRC-32 of all that. Thread-safe.
class Marks {
  public:
    explicit Marks(const std::filesystem::path& database);

    struct Mark {
        std::uint64_t study = 0;
        std::uint64_t events = 0;  ///< that must be there
    };
    /// Of all studies. Look at the database afterwards: what was read by then was committed by then.
    [[nodiscard]] std::vector<Mark> all();
    /// How many events the study must have; 0 where nobody knows.
    [[nodiscard]] std::uint64_t of(std::uint64_t study);
    /// After a commit that made `events` of `before`. Most commits are not flushed and follow one that was
    /// noted here; for these one write is all, at the price that two processes at it in the same moment may
    /// leave the lower number until the next commit.
    void note(std::uint64_t study, std::uint64_t before, std::uint64_t events, bool flushed) noexcept;
    /// Before a study is deleted.
    void forget(std::uint64_t study) noexcept;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    struct Slot {
        std::uint64_t identity = 0, boot = 0, study = 0, committed = 0, flushed = 0;
    };
    File* file(FileMode mode);
    std::optional<Slot> slot(File& file, std::uint64_t study);
    void put(File& file, const Slot& slot);
    [[nodiscard]] std::uint64_t must_have(const Slot& slot);
    std::uint64_t identity();

    std::mutex mutex_;
    std::filesystem::path database_, path_;
    std::unique_ptr<File> file_;
    bool writable_ = false;
    Slot latest_{};  ///< written here
    std::optional<std::uint64_t> identity_;
};

}  // namespace attune::sqlite
