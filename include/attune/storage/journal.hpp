#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "attune/storage/file.hpp"
#include "attune/storage/storage.hpp"

namespace attune {

/// What an acknowledged append has survived when append() returns. The death of the process, even by SIGKILL,
/// takes nothing at any level.
enum class Durability {
    process_crash,  ///< nothing is flushed: a power loss may take the latest seconds
    power_loss,     ///< everything but reports is flushed to the disk; reports follow with the next flush
    power_loss_with_reports,  ///< every append is flushed to the disk
};

struct JournalOptions {
    Durability durability = Durability::power_loss;
    std::shared_ptr<FileSystem> files = operating_system_files();

    /// Throws InvalidOption.
    void validate() const;
};

/// What was found behind the last whole append when a journal was opened for writing, and taken out of it.
struct JournalRecovery {
    std::uint64_t bytes = 0;        ///< how many were cut
    std::uint64_t position = 0;     ///< of the first event that they may have held
    std::string reason;             ///< what is wrong with them
    std::filesystem::path kept_in;  ///< the file that has them now
};

/// A study in a file: `Journal{"study.attune"}`.
///
/// The file is text, a line per event after a header, each with its position, its length, a checksum (CRC-32)
/// over all of it and the event as JSON. What is appended together is read together or not at all. A journal
/// open for writing is locked against other writers until it is destroyed or its process dies; readers never
/// lock and never write, and see whole appends only.
///
/// A tail that a crash tore is cut when the file is opened for writing; recovery() tells. Damage in front of
/// sound records is never cut: it is a StorageError that names record and offset. Only where a power loss
/// took a page of appends that were not flushed yet (its bytes are 0) later records of that time go with it.
/// Where the disk is full, append() throws StorageError and leaves the file as it was; a later append may
/// succeed.
///
/// Move-only; one thread at a time. Throws StorageError that begins with the path.
class Journal {
  public:
    /// Opens for writing, making the file where it is missing.
    explicit Journal(std::filesystem::path path, JournalOptions options = {});
    /// Opens an existing journal to look at, also while another process writes it.
    [[nodiscard]] static Journal read_only(std::filesystem::path path,
                                           std::shared_ptr<FileSystem> files = operating_system_files());

    Journal(Journal&&) noexcept;
    Journal& operator=(Journal&&) noexcept;
    ~Journal();

    /// See Storage. Throws for a journal that is read only.
    bool append(std::span<const Event> events, std::uint64_t expected);
    [[nodiscard]] std::vector<Event> read(std::uint64_t from);

    /// The path, absolute.
    [[nodiscard]] std::string location() const;
    /// What opening cut away, if anything.
    [[nodiscard]] const std::optional<JournalRecovery>& recovery() const;

  private:
    class State;
    explicit Journal(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace attune
