#include "attune/storage/sqlite.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/storage/binary_codec.hpp"
#include "event_parts.hpp"
#include "journal_format.hpp"
#include "sqlite_database.hpp"
#include "stored_rows.hpp"

namespace attune {
namespace {

using sqlite::Database;

void put(Database& database, std::uint64_t study, std::uint64_t position, std::size_t count,
         const std::string& body) {
    (void)database.prepare("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(1, study)
        .bind(2, position)
        .bind(3, std::uint64_t{count})
        .bind(4, std::uint64_t{rows::checksum(position, count, body)})
        .bind_bytes(5, body)
        .step();
}

/// Writes all events in large rows. Precondition: a transaction that writes.
void put_all(Database& database, std::uint64_t study, std::span<const Event> events) {
    parts::in_large_parts(events, [&](std::uint64_t position, std::span<const Event> part) {
        put(database, study, position, part.size(), to_bytes(part));
    });
}

/// Precondition: a transaction that writes.
std::uint64_t make_study(Database& database, const std::string& study, std::uint64_t events) {
    (void)database.prepare("INSERT INTO studies(name, events, workers) VALUES (?1, ?2, 0)")
        .bind_text(1, study)
        .bind(2, events)
        .step();
    return id_of(database, study);
}

/// The workers of one study, by a connection of their own, so that heartbeats wait for nobody's append.
class SqliteWorkers final : public WorkerTable {
  public:
    SqliteWorkers(const std::filesystem::path& path, Database::Access access, std::uint64_t study,
                  double patience_seconds)
        : database_(path, access, patience_seconds), study_(study) {
        if (access == Database::Access::write) database_.set_flushing(false);
    }

    std::uint64_t join(const WorkerRow& row, std::uint64_t least) override {
        const std::lock_guard lock(mutex_);
        Database::Transaction transaction(database_);
        std::uint64_t number = 0;
        {
            auto next = database_.prepare(
                "UPDATE studies SET workers=max(workers+1, ?2) WHERE id=?1 RETURNING workers");
            if (!next.bind(1, study_).bind(2, least).step())
                throw StorageError(database_.path().string() + ": the study was deleted");
            number = next.number(0);
        }
        (void)database_.prepare("INSERT INTO workers VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)")
            .bind(1, study_)
            .bind(2, number)
            .bind(3, row.period_seconds)
            .bind(4, row.latest_seconds)
            .bind_text(5, row.process)
            .bind_text(6, row.name)
            .step();
        transaction.commit();
        return number;
    }
    bool beat(std::uint64_t number, double now_seconds) override {
        const std::lock_guard lock(mutex_);
        (void)database_.prepare("UPDATE workers SET beats=beats+1, latest=?3 WHERE study=?1 AND number=?2")
            .bind(1, study_)
            .bind(2, number)
            .bind(3, now_seconds)
            .step();
        return database_.changes() == 1;
    }
    void put_back(const WorkerRow& row) override {
        const std::lock_guard lock(mutex_);
        (void)database_
            .prepare(
                "INSERT INTO workers SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM studies WHERE id=?1 "
                "ON CONFLICT DO NOTHING")
            .bind(1, study_)
            .bind(2, row.number)
            .bind(3, row.beats)
            .bind(4, row.period_seconds)
            .bind(5, row.latest_seconds)
            .bind_text(6, row.process)
            .bind_text(7, row.name)
            .step();
    }
    void remove(std::uint64_t number) override {
        const std::lock_guard lock(mutex_);
        (void)database_.prepare("DELETE FROM workers WHERE study=?1 AND number=?2")
            .bind(1, study_)
            .bind(2, number)
            .step();
    }
    std::vector<WorkerRow> rows() override {
        const std::lock_guard lock(mutex_);
        std::vector<WorkerRow> rows;
        auto row = database_.prepare(
            "SELECT number, beats, period, latest, process, name FROM workers WHERE study=?1 ORDER BY "
            "number");
        row.bind(1, study_);
        while (row.step())
            rows.push_back(
                {row.number(0), row.number(1), row.real(2), row.real(3), row.text(4), row.text(5)});
        return rows;
    }
    bool is_shared_by_processes() const override { return true; }

  private:
    std::mutex mutex_;
    Database database_;
    std::uint64_t study_;
};

}  // namespace

void SqliteOptions::validate() const {
    if (study.empty()) throw InvalidOption("sqlite: study is empty; it must name one");
    if (!(patience_seconds > 0))
        throw InvalidOption("sqlite: patience_seconds (" + std::to_string(patience_seconds) +
                            ") must be above 0");
}

class Sqlite::State {
  public:
    State(const std::filesystem::path& path, SqliteOptions options, Database::Access access)
        : options_(std::move(options)),
          writable_(access == Database::Access::write),
          database_((options_.validate(), path), access, options_.patience_seconds) {
        writable_ ? make_tables(database_) : check_tables(database_);
        if (writable_) {
            database_.set_flushing(options_.durability >= Durability::power_loss);
            make_missing();
        }
        id_ = sqlite::id_of(database_, options_.study);
        if (id_ == 0) throw StorageError(location() + ": holds no study of this name");
    }

    bool append(std::span<const Event> events, std::uint64_t expected) {
        if (!writable_) throw StorageError(location() + ": is open for reading only");
        std::string body;
        try {
            body = to_bytes(events);
        } catch (const InvalidEventBytes& error) {
            throw StorageError(location() + ": " + error.what());
        }
        database_.set_flushing(parts::needs_flush(events, options_.durability));
        Database::Transaction turn(database_);
        if (events.empty()) return expected == position();
        (void)database_.prepare("UPDATE studies SET events=?3 WHERE id=?1 AND events=?2")
            .bind(1, id_)
            .bind(2, expected)
            .bind(3, expected + events.size())
            .step();
        if (database_.changes() == 0) return (void)position(), false;
        put(database_, id_, expected, events.size(), body);
        turn.commit();
        note(expected, expected + events.size());
        return true;
    }

    std::vector<Event> read(std::uint64_t from) {
        const std::uint64_t marked = database_.marks().of(id_);
        Database::Transaction same_moment(database_, false);
        const std::uint64_t position = this->position();
        sqlite::refuse_lost_events(database_, options_.study, position, marked);
        std::vector<Event> events;
        if (from >= position) refuse_events_behind(position);
        if (from < position) {
            // The row that holds the first of them may begin before.
            auto row = database_.prepare(
                "SELECT position, count, checksum, body FROM events WHERE study=?1 AND position >= "
                "(SELECT max(position) FROM events WHERE study=?1 AND position <= ?2) ORDER BY position");
            row.bind(1, id_).bind(2, from);
            rows::Reader reader(location(), from, position);
            while (row.step()) reader.add(row.number(0), row.number(1), row.number(2), row.bytes(3));
            events = reader.events();
        }
        return events;
    }

    void compact() {
        if (!writable_) throw StorageError(location() + ": is open for reading only");
        database_.set_flushing(options_.durability >= Durability::power_loss);
        Database::Transaction turn(database_);
        std::vector<Event> events;
        {
            auto row = database_.prepare(
                "SELECT position, count, checksum, body FROM events WHERE study=?1 ORDER BY position");
            row.bind(1, id_);
            rows::Reader reader(location(), 0, position());
            while (row.step()) reader.add(row.number(0), row.number(1), row.number(2), row.bytes(3));
            events = reader.events();
        }
        (void)database_.prepare("DELETE FROM events WHERE study=?1").bind(1, id_).step();
        put_all(database_, id_, events);
        turn.commit();
        note(events.size(), events.size());
    }

    std::shared_ptr<WorkerTable> workers() {
        if (workers_ == nullptr)
            workers_ = std::make_shared<SqliteWorkers>(
                database_.path(), writable_ ? Database::Access::write : Database::Access::read, id_,
                options_.patience_seconds);
        return workers_;
    }

    [[nodiscard]] std::string location() const {
        return "sqlite:///" + database_.path().string() + "?study=" + options_.study;
    }

  private:
    std::uint64_t position() {
        auto row = database_.prepare("SELECT events FROM studies WHERE id=?1");
        if (!row.bind(1, id_).step()) throw StorageError(location() + ": the study was deleted");
        return row.number(0);
    }

    void make_missing() {
        if (sqlite::id_of(database_, options_.study) != 0) return;
        Database::Transaction turn(database_);
        if (sqlite::id_of(database_, options_.study) != 0) return;  // somebody was quicker
        (void)make_study(database_, options_.study, 0);
        turn.commit();
    }

    /// The number of events may be what is damaged. Precondition: a transaction.
    void refuse_events_behind(std::uint64_t position) {
        auto row = database_.prepare(
            "SELECT position + count FROM events WHERE study=?1 ORDER BY position DESC LIMIT 1");
        const std::uint64_t end = row.bind(1, id_).step() ? row.number(0) : 0;
        if (end != position)
            throw StorageError(location() + ": says that it has " + detail::counted(position, "event") +
                               ", but holds " + std::to_string(end) + "; restore the database from a copy");
    }

    void note(std::uint64_t before, std::uint64_t events) {
        database_.marks().note(id_, before, events, database_.is_flushing());
    }

    SqliteOptions options_;
    bool writable_;
    Database database_;
    std::uint64_t id_ = 0;
    std::shared_ptr<WorkerTable> workers_;
};

Sqlite::Sqlite(std::filesystem::path path, SqliteOptions options)
    : state_(std::make_unique<State>(path, std::move(options), Database::Access::write)) {}
Sqlite::Sqlite(std::unique_ptr<State> state) : state_(std::move(state)) {}
Sqlite::Sqlite(Sqlite&&) noexcept = default;
Sqlite& Sqlite::operator=(Sqlite&&) noexcept = default;
Sqlite::~Sqlite() = default;

Sqlite Sqlite::read_only(std::filesystem::path path, SqliteOptions options) {
    return Sqlite(std::make_unique<State>(path, std::move(options), Database::Access::read));
}

bool Sqlite::append(std::span<const Event> events, std::uint64_t expected) {
    return state_->append(events, expected);
}
std::vector<Event> Sqlite::read(std::uint64_t from) { return state_->read(from); }
std::shared_ptr<WorkerTable> Sqlite::workers() { return state_->workers(); }
void Sqlite::compact() { state_->compact(); }
std::string Sqlite::location() const { return state_->location(); }

void Sqlite::store(const std::filesystem::path& path, const SqliteOptions& options,
                   std::span<const Event> events) {
    options.validate();
    Database database(path, Database::Access::write, options.patience_seconds);
    make_tables(database);
    database.set_flushing(options.durability >= Durability::power_loss);
    Database::Transaction turn(database);
    if (sqlite::id_of(database, options.study) != 0)
        throw StorageError(database.path().string() + ": holds a study '" + options.study + "' already");
    const std::uint64_t study = make_study(database, options.study, events.size());
    put_all(database, study, events);
    turn.commit();
    database.marks().note(study, 0, events.size(), database.is_flushing());
}

std::vector<std::string> Sqlite::studies(const std::filesystem::path& path) {
    Database database(path, Database::Access::read, SqliteOptions{}.patience_seconds);
    check_tables(database);
    std::vector<std::string> names;
    auto row = database.prepare("SELECT name FROM studies ORDER BY id");
    while (row.step()) names.push_back(row.text(0));
    return names;
}

void Sqlite::rename_study(const std::filesystem::path& path, const std::string& from, const std::string& to) {
    SqliteOptions{.study = to}.validate();
    Database database(path, Database::Access::write, SqliteOptions{}.patience_seconds);
    make_tables(database);
    Database::Transaction turn(database);
    if (sqlite::id_of(database, from) == 0)
        throw StorageError(database.path().string() + ": holds no study '" + from + "'");
    if (sqlite::id_of(database, to) != 0)
        throw StorageError(database.path().string() + ": holds a study '" + to + "' already");
    (void)database.prepare("UPDATE studies SET name=?2 WHERE name=?1")
        .bind_text(1, from)
        .bind_text(2, to)
        .step();
    turn.commit();
}

void Sqlite::remove_study(const std::filesystem::path& path, const std::string& study) {
    Database database(path, Database::Access::write, SqliteOptions{}.patience_seconds);
    make_tables(database);
    Database::Transaction turn(database);
    const std::uint64_t id = sqlite::id_of(database, study);
    if (id == 0) throw StorageError(database.path().string() + ": holds no study '" + study + "'");
    database.marks().forget(id);
    (void)database.prepare("DELETE FROM studies WHERE id=?1").bind(1, id).step();
    turn.commit();
}

}  // namespace attune
