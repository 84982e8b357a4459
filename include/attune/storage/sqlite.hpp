#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attune/storage/durability.hpp"
#include "attune/storage/storage.hpp"

namespace attune {

struct SqliteOptions {
    std::string study = "study";  ///< which of the studies in the file; made where it is missing
    Durability durability = default_durability;
    double patience_seconds = 120;  ///< how long to wait for the turn of others; above 0

    /// Throws InvalidOption.
    void validate() const;
};

/// A study in an SQLite database, which may hold several: `Sqlite{"studies.db", {.study = "resnet"}}`.
///
/// A row for every append, with a checksum; the number of events stands in the study's row and is compared
/// with what is there at every read of all, so that rows which went missing are found. How many were
/// acknowledged also stands in a small file beside the database ("studies.db-marks"), since SQLite passes
/// over damage in its log without a word: a study that has fewer is refused. The database is in write-ahead
/// mode: readers and a writer do not wait for each other, writers wait for their turn however many there are.
/// Readers need no write access. Not for network file systems, where SQLite's shared memory does not work:
/// take a journal or PostgreSQL there.
///
/// Move-only; one thread at a time. Throws StorageError that begins with the path.
class Sqlite {
  public:
    /// Opens for writing, making the file and the study where they are missing.
    explicit Sqlite(std::filesystem::path path, SqliteOptions options = {});
    /// Opens a study that exists, to look at.
    [[nodiscard]] static Sqlite read_only(std::filesystem::path path, SqliteOptions options = {});

    Sqlite(Sqlite&&) noexcept;
    Sqlite& operator=(Sqlite&&) noexcept;
    ~Sqlite();

    /// See Storage. Throws for a study that is read only.
    bool append(std::span<const Event> events, std::uint64_t expected);
    [[nodiscard]] std::vector<Event> read(std::uint64_t from);
    /// The workers' table, in the same database; for looking at it where the study is read only.
    [[nodiscard]] std::shared_ptr<WorkerTable> workers();
    /// Puts the events into few large rows. Events and their positions stay the same.
    void compact();
    /// "sqlite:////absolute/path?study=name"
    [[nodiscard]] std::string location() const;

    /// Makes a study of these events, all of it or nothing. Throws StorageError where the name is taken.
    static void store(const std::filesystem::path& path, const SqliteOptions& options,
                      std::span<const Event> events);
    /// What the database at `path` holds.
    [[nodiscard]] static std::vector<std::string> studies(const std::filesystem::path& path);
    /// Throws StorageError where the old name is missing or the new one is taken.
    static void rename_study(const std::filesystem::path& path, const std::string& from,
                             const std::string& to);
    /// Throws StorageError where it is missing.
    static void remove_study(const std::filesystem::path& path, const std::string& study);

  private:
    class State;
    explicit Sqlite(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace attune
