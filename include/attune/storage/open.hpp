#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attune/storage/durability.hpp"
#include "attune/storage/storage.hpp"

namespace attune {

/// An address in its parts.
struct StorageAddress {
    enum class Kind { memory, journal, sqlite, postgresql };
    Kind kind = Kind::journal;
    std::string place;  ///< a path, or what libpq takes as a connection
    std::string study;  ///< in a database; "study" where none was named

    /// Takes apart
    ///
    ///     study.attune, journal:study.attune     a journal
    ///     sqlite:///file.db?study=name           an SQLite database, relative to the working folder
    ///     sqlite:////folder/file.db?study=name   the same with an absolute path: four slashes, as in
    ///     SQLAlchemy sqlite:file.db, sqlite:/folder/file.db the same without slashes before the path
    ///     postgresql://user@host/database?study=name
    ///     memory:
    ///
    /// A path alone whose name ends in .db, .sqlite or .sqlite3 is an SQLite database. Throws UnknownName for
    /// another scheme (a word of letters before a colon) and for sqlite: without a path, or with two slashes
    /// before it, where other programs have a host.
    [[nodiscard]] static StorageAddress parse(const std::string& address);
    /// The address that parse() reads as this.
    [[nodiscard]] std::string text() const;
};

struct OpenOptions {
    bool read_only = false;  ///< the study must exist; nothing is written
    Durability durability = default_durability;
};

/// The storage at an address. Throws UnknownName for another scheme, StorageError as the storage does; where
/// a database lacks the study that is to be read, the message names those that it has.
[[nodiscard]] AnyStorage open_storage(const StorageAddress& address, const OpenOptions& options = {});
[[nodiscard]] AnyStorage open_storage(const std::string& address, const OpenOptions& options = {});

/// The same, open for writing at the default level.
[[nodiscard]] AnyStorage storage_from(const std::string& address);

/// The names of the studies in a database, in the order in which they were made; none for other addresses.
/// Throws as the storage does.
[[nodiscard]] std::vector<std::string> studies_in(const StorageAddress& address);

/// Whether something is stored at the address. Makes nothing.
[[nodiscard]] bool storage_exists(const StorageAddress& address);

}  // namespace attune
