#include "attune/storage/postgresql.hpp"

#include <mutex>
#include <random>
#include <utility>

#include "attune/error.hpp"

#ifdef ATTUNE_HAS_POSTGRESQL
#include "attune/storage/binary_codec.hpp"
#include "event_parts.hpp"
#include "postgresql_connection.hpp"
#include "stored_rows.hpp"
#endif

namespace attune {

void PostgresqlOptions::validate() const {
    if (study.empty()) throw InvalidOption("postgresql: study is empty; it must name one");
    if (!(patience_seconds > 0))
        throw InvalidOption("postgresql: patience_seconds (" + std::to_string(patience_seconds) +
                            ") must be above 0");
}

#ifdef ATTUNE_HAS_POSTGRESQL

namespace {

using postgresql::Argument;
using postgresql::Connection;
using postgresql::Result;

// Numbers of bytes are cast, since parameters travel as text; the results are binary.
constexpr const char* tables = R"(
SELECT pg_advisory_xact_lock(4707207105);
CREATE TABLE IF NOT EXISTS attune_studies (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE, format bigint NOT NULL DEFAULT 1, events bigint NOT NULL DEFAULT 0,
    workers bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS attune_events (study bigint NOT NULL REFERENCES attune_studies(id) ON DELETE CASCADE,
    position bigint NOT NULL, count bigint NOT NULL, checksum bigint NOT NULL, token bigint NOT NULL,
    body bytea NOT NULL, PRIMARY KEY (study, position));
CREATE UNLOGGED TABLE IF NOT EXISTS attune_workers (study bigint NOT NULL, number bigint NOT NULL,
    beats bigint NOT NULL, period float8 NOT NULL, latest float8 NOT NULL, process text NOT NULL,
    name text NOT NULL, PRIMARY KEY (study, number));
)";

std::string shown(const std::string& connection, const std::string& study) {
    const std::string text = postgresql::without_passwords(connection);
    return text +
           (study.empty() ? "" : (text.find('?') == std::string::npos ? "?" : "&") + ("study=" + study));
}

/// Makes the tables where they are missing. Who may not make any can work with those that are there.
void make_tables(Connection& connection) {
    const Result there = connection.run(
        "SELECT count(*) FROM unnest(ARRAY['attune_studies', 'attune_events', 'attune_workers']) name WHERE "
        "to_regclass(name) IS NOT NULL");
    if (there.number(0, 0) < 3) connection.run_script(tables);
}

std::uint64_t new_token() {
    static thread_local std::mt19937_64 random{std::random_device{}()};
    return random() >> 1;  // SQL has no unsigned numbers
}

/// Its table is not logged, so that heartbeats cost the server no log; a crash of the server empties it, and
/// so does a change to a standby. Workers put their rows back.
class PostgresqlWorkers final : public WorkerTable {
  public:
    PostgresqlWorkers(const std::string& connection, const std::string& name, std::uint64_t study,
                      double patience)
        : connection_(connection, name, patience, "SET synchronous_commit=off"), study_(study) {}

    std::uint64_t join(const WorkerRow& row, std::uint64_t least) override {
        const std::lock_guard lock(mutex_);
        // A number must not be given again after a crash of the server: it waits for the disk, once a worker.
        const Result next = connection_.run(
            "WITH level AS (SELECT set_config('synchronous_commit', 'on', true)) UPDATE attune_studies SET "
            "workers=greatest(workers+1, $2::bigint) FROM level WHERE id=$1::bigint RETURNING workers",
            {study_, least});
        if (next.rows() == 0) throw StorageError("postgresql: the study was deleted");
        const std::uint64_t number = next.number(0, 0);
        (void)connection_.run(
            "INSERT INTO attune_workers VALUES ($1::bigint, $2::bigint, 0, $3::float8, $4::float8, $5, $6) "
            "ON CONFLICT DO NOTHING",
            {study_, number, row.period_seconds, row.latest_seconds, row.process, row.name});
        return number;
    }
    bool beat(std::uint64_t number, double now_seconds) override {
        const std::lock_guard lock(mutex_);
        return connection_
                   .run(
                       "UPDATE attune_workers SET beats=beats+1, latest=$3::float8 WHERE study=$1::bigint "
                       "AND "
                       "number=$2::bigint",
                       {study_, number, now_seconds})
                   .changes() == 1;
    }
    void put_back(const WorkerRow& row) override {
        const std::lock_guard lock(mutex_);
        (void)connection_.run(
            "INSERT INTO attune_workers SELECT id, $2::bigint, $3::bigint, $4::float8, $5::float8, $6, $7 "
            "FROM attune_studies WHERE id=$1::bigint ON CONFLICT DO NOTHING",
            {study_, row.number, row.beats, row.period_seconds, row.latest_seconds, row.process, row.name});
    }
    void remove(std::uint64_t number) override {
        const std::lock_guard lock(mutex_);
        (void)connection_.run("DELETE FROM attune_workers WHERE study=$1::bigint AND number=$2::bigint",
                              {study_, number});
    }
    std::vector<WorkerRow> rows() override {
        const std::lock_guard lock(mutex_);
        const Result found = connection_.run(
            "SELECT number, beats, period, latest, process, name FROM attune_workers WHERE study=$1::bigint "
            "ORDER BY number",
            {study_});
        std::vector<WorkerRow> rows;
        for (int i = 0; i < found.rows(); ++i)
            rows.push_back({found.number(i, 0), found.number(i, 1), found.real(i, 2), found.real(i, 3),
                            found.text(i, 4), found.text(i, 5)});
        return rows;
    }
    bool is_shared_by_processes() const override { return true; }

  private:
    std::mutex mutex_;
    Connection connection_;
    std::uint64_t study_;
};

}  // namespace

class Postgresql::State {
  public:
    State(std::string address, PostgresqlOptions options)
        : options_((options.validate(), std::move(options))),
          address_(std::move(address)),
          connection_(address_, location(), options_.patience_seconds, "SET client_min_messages=warning") {
        if (!options_.read_only) make_tables(connection_);
        Result found = in_list();
        if (found.rows() == 0 && !options_.read_only) {
            (void)connection_.run("INSERT INTO attune_studies(name) VALUES ($1) ON CONFLICT DO NOTHING",
                                  {options_.study});
            found = in_list();
        }
        if (found.rows() == 0) throw StorageError(location() + ": holds no study of this name");
        if (found.number(0, 1) != 1)
            throw StorageError(location() + ": has format version " + std::to_string(found.number(0, 1)) +
                               ", but this program reads version 1");
        id_ = found.number(0, 0);
    }

    bool append(std::span<const Event> events, std::uint64_t expected) {
        if (options_.read_only) throw StorageError(location() + ": is open for reading only");
        if (events.empty()) return position() == expected;
        std::string body;
        try {
            body = to_bytes(events);
        } catch (const InvalidEventBytes& error) {
            throw StorageError(location() + ": " + error.what());
        }
        const std::uint64_t token = new_token(), checksum = rows::checksum(expected, events.size(), body);
        bool was_done = false;
        const Result result = connection_.run(
            "WITH level AS (SELECT set_config('synchronous_commit', $6, true)), "
            "turn AS (UPDATE attune_studies SET events=events+$3::bigint FROM level WHERE id=$1::bigint AND "
            "events=$2::bigint RETURNING id) "
            "INSERT INTO attune_events SELECT id, $2::bigint, $3::bigint, $4::bigint, $7::bigint, $5 FROM "
            "turn",
            {id_, expected, std::uint64_t{events.size()}, checksum, Argument::of_bytes(body),
             std::string(parts::needs_flush(events, options_.durability) ? "on" : "off"), token},
            [&] { return was_done = has(expected, events.size(), body, token); });
        return was_done || result.changes() == 1;
    }

    std::vector<Event> read(std::uint64_t from) {
        const Result found = connection_.run(
            "SELECT s.events, e.position, e.count, e.checksum, e.body FROM attune_studies s LEFT JOIN "
            "attune_events e ON e.study=s.id AND s.events > $2::bigint AND e.position >= (SELECT "
            "coalesce(max(position), 0) FROM attune_events WHERE study=$1::bigint AND position <= "
            "$2::bigint) "
            "WHERE s.id=$1::bigint ORDER BY e.position",
            {id_, from});
        if (found.rows() == 0) throw StorageError(location() + ": the study was deleted");
        const std::uint64_t end = found.number(0, 0);
        if (from >= end) return {};
        rows::Reader reader(location(), from, end);
        for (int i = 0; i < found.rows(); ++i)
            if (!found.is_null(i, 1))
                reader.add(found.number(i, 1), found.number(i, 2), found.number(i, 3), found.bytes(i, 4));
        return reader.events();
    }

    void compact() {
        if (options_.read_only) throw StorageError(location() + ": is open for reading only");
        // Rows are put together one block after another, each in one statement, while others go on.
        const std::vector<Event> events = read(0);
        const std::uint64_t end = events.size();
        parts::in_large_parts(events, [&](std::uint64_t position, std::span<const Event> part) {
            if (position + part.size() == end && part.size() < parts::most_in_a_part && position != 0)
                return;  // still grows
            const std::string body = to_bytes(part);
            const Result block = connection_.run(
                "SELECT count(*) FILTER (WHERE position < $3::bigint), coalesce(max(position + count) FILTER "
                "(WHERE "
                "position < $3::bigint), 0) FROM attune_events WHERE study=$1::bigint AND position >= "
                "$2::bigint",
                {id_, position, position + part.size()});
            if (block.number(0, 0) < 2 || block.number(0, 1) != position + part.size()) return;
            (void)connection_.run(
                "WITH gone AS (DELETE FROM attune_events WHERE study=$1::bigint AND position > $2::bigint "
                "AND "
                "position < $2::bigint + $3::bigint) UPDATE attune_events SET count=$3::bigint, "
                "checksum=$4::bigint, body=$5 WHERE study=$1::bigint AND position=$2::bigint",
                {id_, position, std::uint64_t{part.size()},
                 std::uint64_t{rows::checksum(position, part.size(), body)}, Argument::of_bytes(body)});
        });
    }

    std::shared_ptr<WorkerTable> workers() {
        if (workers_ == nullptr)
            workers_ =
                std::make_shared<PostgresqlWorkers>(address_, location(), id_, options_.patience_seconds);
        return workers_;
    }

    [[nodiscard]] std::string location() const { return shown(address_, options_.study); }

  private:
    std::uint64_t position() {
        const Result found = connection_.run("SELECT events FROM attune_studies WHERE id=$1::bigint", {id_});
        if (found.rows() == 0) throw StorageError(location() + ": the study was deleted");
        return found.number(0, 0);
    }

    Result in_list() {
        return connection_.run("SELECT id, format FROM attune_studies WHERE name=$1", {options_.study});
    }

    /// Whether an append is stored. Its row may have been put together with others meanwhile, and its token
    /// with it: then the events tell, since those of others differ in their times and workers.
    bool has(std::uint64_t position, std::size_t count, const std::string& body, std::uint64_t token) {
        const Result row =
            connection_.run("SELECT token FROM attune_events WHERE study=$1::bigint AND position=$2::bigint",
                            {id_, position});
        if (row.rows() > 0) return row.number(0, 0) == token;
        const std::vector<Event> events = read(position);
        return events.size() >= count && to_bytes(std::span(events).first(count)) == body;
    }

    PostgresqlOptions options_;
    std::string address_;
    Connection connection_;
    std::uint64_t id_ = 0;
    std::shared_ptr<WorkerTable> workers_;
};

namespace {

/// A connection for managing studies, with the tables there.
Connection managing(const std::string& address) {
    return {address, shown(address, ""), PostgresqlOptions{}.patience_seconds,
            "SET client_min_messages=warning"};
}

}  // namespace

std::vector<std::string> Postgresql::studies(const std::string& connection) {
    Connection managed = managing(connection);
    const Result there = managed.run("SELECT to_regclass('attune_studies') IS NOT NULL");
    if (there.bytes(0, 0) != std::string_view("\x01", 1)) return {};
    const Result found = managed.run("SELECT name FROM attune_studies ORDER BY id");
    std::vector<std::string> names;
    for (int i = 0; i < found.rows(); ++i) names.push_back(found.text(i, 0));
    return names;
}

void Postgresql::rename_study(const std::string& connection, const std::string& from, const std::string& to) {
    PostgresqlOptions{.study = to}.validate();
    Connection managed = managing(connection);
    make_tables(managed);
    if (managed.run("SELECT 1 FROM attune_studies WHERE name=$1", {to}).rows() != 0)
        throw StorageError(shown(connection, "") + ": holds a study '" + to + "' already");
    if (managed.run("UPDATE attune_studies SET name=$2 WHERE name=$1", {from, to}).changes() != 1)
        throw StorageError(shown(connection, "") + ": holds no study '" + from + "'");
}

void Postgresql::remove_study(const std::string& connection, const std::string& study) {
    Connection managed = managing(connection);
    make_tables(managed);
    (void)managed.run(
        "DELETE FROM attune_workers WHERE study IN (SELECT id FROM attune_studies WHERE name=$1)", {study});
    if (managed.run("DELETE FROM attune_studies WHERE name=$1", {study}).changes() != 1)
        throw StorageError(shown(connection, "") + ": holds no study '" + study + "'");
}

bool Postgresql::is_built_in() { return true; }

std::string Postgresql::without_passwords(const std::string& connection) {
    return postgresql::without_passwords(connection);
}

#else

class Postgresql::State {
  public:
    [[noreturn]] static void refuse() {
        throw StorageError("postgresql: this build of Attune has no PostgreSQL (libpq was missing)");
    }
    State(const std::string&, const PostgresqlOptions&) { refuse(); }
    bool append(std::span<const Event>, std::uint64_t) { refuse(); }
    std::vector<Event> read(std::uint64_t) { refuse(); }
    std::shared_ptr<WorkerTable> workers() { refuse(); }
    void compact() { refuse(); }
    [[nodiscard]] std::string location() const { refuse(); }
};

std::vector<std::string> Postgresql::studies(const std::string&) { State::refuse(); }
void Postgresql::rename_study(const std::string&, const std::string&, const std::string&) { State::refuse(); }
void Postgresql::remove_study(const std::string&, const std::string&) { State::refuse(); }
bool Postgresql::is_built_in() { return false; }
std::string Postgresql::without_passwords(const std::string&) { return "postgresql"; }

#endif

Postgresql::Postgresql(std::string connection, PostgresqlOptions options)
    : state_(std::make_unique<State>(std::move(connection), std::move(options))) {}
Postgresql::Postgresql(Postgresql&&) noexcept = default;
Postgresql& Postgresql::operator=(Postgresql&&) noexcept = default;
Postgresql::~Postgresql() = default;

bool Postgresql::append(std::span<const Event> events, std::uint64_t expected) {
    return state_->append(events, expected);
}
std::vector<Event> Postgresql::read(std::uint64_t from) { return state_->read(from); }
std::shared_ptr<WorkerTable> Postgresql::workers() { return state_->workers(); }
void Postgresql::compact() { state_->compact(); }
std::string Postgresql::location() const { return state_->location(); }

}  // namespace attune
