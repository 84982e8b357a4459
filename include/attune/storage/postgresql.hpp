#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attune/storage/durability.hpp"
#include "attune/storage/storage.hpp"

namespace attune {

struct PostgresqlOptions {
    std::string study = "study";  ///< which of the studies in the database; made where it is missing
    Durability durability = default_durability;
    double patience_seconds = 60;  ///< how long to wait for a server that is away; above 0
    bool read_only = false;        ///< the study must exist, and nothing is written

    /// Throws InvalidOption.
    void validate() const;
};

/// A study in a PostgreSQL database, which may hold several: `Postgresql{"postgresql://host/db"}`.
///
/// A row for every append, with a checksum, in tables whose names begin with "attune_"; an append is one
/// statement. A server that is restarted is waited for, and an append whose answer was lost is looked up
/// before it is repeated, so that it never counts twice. Where the address (or PGCONNECT_TIMEOUT) says
/// nothing else, connecting is given 10 s (`connect_timeout`), and a connection over TCP that went silent is
/// given up after 30 s (`keepalives_...`, `tcp_user_timeout`). Tables are made where they are missing; a role
/// that may not make any can work with those that are there, given SELECT, INSERT, UPDATE and DELETE. Reports
/// at the levels below power_loss_with_reports are committed without waiting for the disk: a crash of the
/// server, unlike one of the client, may take those of its last moments.
///
/// Move-only; one thread at a time. Throws StorageError; where Attune was built without libpq, always.
class Postgresql {
  public:
    /// `connection` is an address or a connection string as libpq takes it.
    explicit Postgresql(std::string connection, PostgresqlOptions options = {});

    Postgresql(Postgresql&&) noexcept;
    Postgresql& operator=(Postgresql&&) noexcept;
    ~Postgresql();

    /// See Storage. Throws for a study that is read only.
    bool append(std::span<const Event> events, std::uint64_t expected);
    [[nodiscard]] std::vector<Event> read(std::uint64_t from);
    /// The workers' table, in the same database; for looking at it where the study is read only.
    [[nodiscard]] std::shared_ptr<WorkerTable> workers();
    /// Puts the events into few large rows, while others go on. Events and their positions stay the same.
    void compact();
    /// The connection without passwords, and the study.
    [[nodiscard]] std::string location() const;

    [[nodiscard]] static std::vector<std::string> studies(const std::string& connection);
    /// Throws StorageError where the old name is missing or the new one is taken.
    static void rename_study(const std::string& connection, const std::string& from, const std::string& to);
    /// Throws StorageError where it is missing.
    static void remove_study(const std::string& connection, const std::string& study);

    /// The connection as an address that may be shown: without passwords, however they are given.
    [[nodiscard]] static std::string without_passwords(const std::string& connection);

    /// Whether Attune was built with libpq.
    [[nodiscard]] static bool is_built_in();

  private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace attune
