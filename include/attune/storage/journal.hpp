#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attune/storage/durability.hpp"
#include "attune/storage/file.hpp"
#include "attune/storage/storage.hpp"

namespace attune {

struct JournalOptions {
    Durability durability = default_durability;
    std::shared_ptr<FileSystem> files = operating_system_files();

    /// Throws InvalidOption.
    void validate() const;
};

/// What was found behind the last whole append of a journal: a writer that looks takes it out, a reader
/// leaves it.
struct JournalRecovery {
    std::uint64_t bytes = 0;        ///< how many there are
    std::uint64_t position = 0;     ///< of the first event that they may have held
    std::string reason;             ///< what is wrong with them
    std::filesystem::path kept_in;  ///< the file that has them now; empty where they were left
};

/// A study in a file: `Journal{"study.attune"}`.
///
/// The file is a header and a frame with a checksum (CRC-32) for every append; `attune export` prints it as
/// JSON lines. What is appended together is read together or not at all. Any number of processes may append:
/// each append locks the file for the microseconds that it takes, and the lock ends with its process, so a
/// dead one never blocks the others. Appends that wait for the disk at the same time share a flush. Readers
/// never lock and never write, and see whole appends only. On network file systems several writers need one
/// with working fcntl locks (NFS 4, or 3 with its lock service).
///
/// A tail that a crash tore is cut by the next writer; recovery() tells. Damage in front of sound records, or
/// of what is known to have been on the disk, is never cut: it is a StorageError that names record and
/// offset. Only where a power loss took a sector of appends that were not flushed yet (its bytes are 0) later
/// records of that time go with it. Where the disk is full, append() throws StorageError and leaves the file
/// as it was; a later append may succeed.
///
/// Files of version 1 (JSON lines) are read as they are; opened for writing, they are turned into the present
/// form at once.
///
/// Move-only; one thread at a time. Throws StorageError that begins with the path.
class Journal {
  public:
    /// Opens for writing, making the file where it is missing.
    explicit Journal(std::filesystem::path path, JournalOptions options = {});
    /// Opens an existing journal to look at, also while other processes write it.
    [[nodiscard]] static Journal read_only(std::filesystem::path path,
                                           std::shared_ptr<FileSystem> files = operating_system_files());

    Journal(Journal&&) noexcept;
    Journal& operator=(Journal&&) noexcept;
    ~Journal();

    /// See Storage. Throws for a journal that is read only.
    bool append(std::span<const Event> events, std::uint64_t expected);
    [[nodiscard]] std::vector<Event> read(std::uint64_t from);

    /// The workers' table, in a file beside the journal ("study.attune-workers").
    [[nodiscard]] std::shared_ptr<WorkerTable> workers();

    /// Puts the events into few large frames, which take less room and load faster. Events, their positions
    /// and what others may do meanwhile stay the same. The new file is read back before it takes the old
    /// one's place. Throws for a journal that is read only.
    void compact();

    /// Makes a journal of these events at a path where none is: all of it or nothing, whenever the process
    /// dies. Throws StorageError where there is a file already.
    static void store(const std::filesystem::path& path, std::span<const Event> events,
                      const JournalOptions& options = {});

    /// The path, absolute and without symbolic links.
    [[nodiscard]] std::string location() const;
    /// What stood, or stands, behind the last whole append, if anything.
    [[nodiscard]] const std::optional<JournalRecovery>& recovery() const;
    /// The same as a sentence for people; empty where there was nothing.
    [[nodiscard]] std::string notice() const;

  private:
    class State;
    explicit Journal(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace attune
