#include <string>
#include <string_view>
#include <vector>

#include "attune/error.hpp"
#include "attune/space/detail/counted.hpp"
#include "sqlite_database.hpp"

// The tables of a database of studies, and whether they are sound.

namespace attune::sqlite {
namespace {

constexpr std::uint64_t application = 0x41545455;  // "ATTU", in the file's header
constexpr std::uint64_t format = 1;

/// As SQLite keeps it, word for word.
struct Table {
    const char* name;
    const char* sql;
};

constexpr Table tables[] = {
    {"studies",
     "CREATE TABLE studies (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, "
     "events INTEGER NOT NULL DEFAULT 0, workers INTEGER NOT NULL DEFAULT 0)"},
    {"events",
     "CREATE TABLE events (study INTEGER NOT NULL REFERENCES studies(id) ON DELETE CASCADE, "
     "position INTEGER NOT NULL, count INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL, "
     "PRIMARY KEY (study, position)) WITHOUT ROWID"},
    {"workers",
     "CREATE TABLE workers (study INTEGER NOT NULL REFERENCES studies(id) ON DELETE CASCADE, "
     "number INTEGER NOT NULL, beats INTEGER NOT NULL, period REAL NOT NULL, latest REAL NOT NULL, "
     "process TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (study, number)) WITHOUT ROWID"},
};

std::uint64_t number_of(Database& database, const char* question) {
    auto answer = database.prepare(question);
    return answer.step() ? answer.number(0) : 0;
}

[[noreturn]] void refuse(Database& database, const std::string& what) {
    throw StorageError(database.path().string() + ": " + what + "; restore the database from a copy");
}

/// Flipped bits in what describes the tables would have them misread, or made anew.
void check_description(Database& database) {
    for (const Table& table : tables) {
        auto row = database.prepare(
            "SELECT count(*) FROM sqlite_master WHERE type='table' AND name=?1 AND tbl_name=?1 AND sql=?2");
        row.bind_text(1, table.name).bind_text(2, table.sql);
        if (!row.step() || row.number(0) != 1)
            refuse(database, "the description of its table '" + std::string(table.name) + "' is damaged");
    }
    if (number_of(database,
                  "SELECT count(*) - count(DISTINCT rootpage) FROM sqlite_master WHERE rootpage > 0") != 0)
        refuse(database, "two of its tables begin at the same page");
}

/// The table of studies is small, and all else hangs by it.
void check_studies(Database& database) {
    auto row = database.prepare("PRAGMA integrity_check(studies)");
    if (!row.step() || row.bytes(0) != "ok")
        refuse(database, "its table of studies is damaged (" + row.text(0) + ")");
}

/// A study may have been deleted between the two looks; then its mark is gone at the next.
void check_marks(Database& database) {
    constexpr int looks = 2;
    for (int look = 1;; ++look) try {
            for (const Marks::Mark& mark : database.marks().all()) {
                auto row = database.prepare("SELECT name, events FROM studies WHERE id=?1");
                const bool there = row.bind(1, mark.study).step();
                refuse_lost_events(database, there ? row.text(0) : "number " + std::to_string(mark.study),
                                   there ? row.number(1) : 0, mark.events);
            }
            return;
        } catch (const StorageError&) {
            if (look == looks) throw;
        }
}

bool is_ours(Database& database) { return number_of(database, "PRAGMA application_id") == application; }

}  // namespace

void make_tables(Database& database) {
    const auto marks = database.marks().all();  // before the look at what is there
    if (is_ours(database)) return check_tables(database);
    {
        Database::Transaction transaction(database);
        if (is_ours(database)) return;  // somebody was quicker
        if (number_of(database, "SELECT count(*) FROM sqlite_master") != 0)
            throw StorageError(database.path().string() + ": is a database of another program, or damaged");
        if (!marks.empty())
            refuse_lost_events(database, "number " + std::to_string(marks.front().study), 0,
                               marks.front().events);
        database.run("PRAGMA application_id=1096045653");
        database.run("PRAGMA user_version=1");
        for (const Table& table : tables) database.run(table.sql);
        transaction.commit();
    }
}

void check_tables(Database& database) {
    if (!is_ours(database)) throw StorageError(database.path().string() + ": holds no studies of Attune");
    const std::uint64_t version = number_of(database, "PRAGMA user_version");
    if (version == 0 || version > format)
        throw StorageError(database.path().string() + ": has format version " + std::to_string(version) +
                           ", but this program reads version 1");
    check_description(database);
    check_studies(database);
    check_marks(database);
}

std::uint64_t id_of(Database& database, const std::string& study) {
    const auto found = [&](const char* question) {
        auto row = database.prepare(question);
        return row.bind_text(1, study).step() ? row.number(0) : 0;
    };
    const std::uint64_t by_index = found("SELECT id FROM studies WHERE name=?1");
    if (by_index != found("SELECT id FROM studies NOT INDEXED WHERE name=?1"))
        refuse(database, "the index of its studies does not agree with their table for '" + study + "'");
    return by_index;
}

void refuse_lost_events(Database& database, const std::string& study, std::uint64_t events,
                        std::uint64_t marked) {
    if (events >= marked) return;
    throw StorageError(database.path().string() + ": study '" + study + "' has " +
                       detail::counted(events, "event") + ", but " + std::to_string(marked) +
                       " were acknowledged: its write-ahead log (-wal) is damaged or was taken away; restore "
                       "the database from a copy. Where an older copy was put back on purpose, remove " +
                       database.marks().path().string());
}

}  // namespace attune::sqlite
