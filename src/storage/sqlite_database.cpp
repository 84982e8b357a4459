#include "sqlite_database.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "attune/error.hpp"

namespace attune::sqlite {
namespace {

double now_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Waiters must not come back in step.
int random_below(int limit) {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution(0, limit - 1)(random);
}

/// A path as SQLite's URIs want it.
std::string escaped(const std::string& path) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (c != '%' && c != '?' && c != '#' && byte > ' ' && byte < 0x7f)
            out += c;
        else
            out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return out;
}

/// SQLite itself does not say why. Where the system forbids no more than a name, its own message has to do.
void refuse_where_unwritable(const std::filesystem::path& path) {
    const bool exists = std::filesystem::exists(path);
    const std::filesystem::path& needed = exists ? path : path.parent_path();
    if (::access(needed.c_str(), W_OK) != 0 && errno != ENOENT)
        throw StorageError(path.string() +
                           ": cannot be opened for writing: " + std::generic_category().message(errno));
}

}  // namespace

int Database::wait_a_little(void* database, int times) {
    auto& self = *static_cast<Database*>(database);
    if (times == 0) self.waited_since_ = now_seconds();
    if (now_seconds() - self.waited_since_ > self.patience_seconds_) return 0;
    const int most = std::min(20'000, 200 << std::min(times, 7));
    std::this_thread::sleep_for(std::chrono::microseconds(50 + random_below(most)));
    return 1;
}

Database::Database(std::filesystem::path path, Access access, double patience_seconds)
    : path_(resolved_path(path)), marks_(path_), patience_seconds_(patience_seconds) {
    try {
        open(access);
    } catch (...) {
        close();
        throw;
    }
}

Database::~Database() { close(); }

/// A connection lives on in SQLite as long as one of its statements does.
void Database::close() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    statements_.clear();
    sqlite3_close_v2(std::exchange(connection_, nullptr));
}

void Database::open(Access access) {
    if (!path_.parent_path().empty() && !std::filesystem::exists(path_.parent_path()))
        throw StorageError(path_.string() + ": its folder does not exist");
    const auto connect = [&](const std::string& suffix, int flags) {
        close();
        const int result = sqlite3_open_v2(("file:" + escaped(path_.string()) + suffix).c_str(), &connection_,
                                           flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
        if (result != SQLITE_OK) fail(result);
        sqlite3_extended_result_codes(connection_, 1);
        sqlite3_busy_handler(connection_, &wait_a_little, this);
    };
    if (access == Access::write) {
        refuse_where_unwritable(path_);
        connect("", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
        // Of a new database; others keep theirs. A commit writes whole pages, and most events are short.
        run("PRAGMA page_size=1024");
        enter_write_ahead_mode();
        run("PRAGMA wal_autocheckpoint=2000");
        run("PRAGMA foreign_keys=ON");
        return;
    }
    connect("", SQLITE_OPEN_READONLY);
    sqlite3_stmt* probe = nullptr;
    int result = sqlite3_prepare_v2(connection_, "SELECT count(*) FROM sqlite_master", -1, &probe, nullptr);
    if (result == SQLITE_OK)
        result = sqlite3_step(probe) == SQLITE_ROW ? SQLITE_OK : sqlite3_extended_errcode(connection_);
    sqlite3_finalize(probe);
    if (result == SQLITE_OK) return;
    // In a folder that we may not write, the shared memory cannot be made; where no writer left a log behind,
    // the file is whole without.
    std::error_code ignored;
    const auto log = std::filesystem::file_size(path_.string() + "-wal", ignored);
    const bool no_log = static_cast<bool>(ignored) || log == 0;
    if (((result & 0xff) == SQLITE_CANTOPEN || (result & 0xff) == SQLITE_READONLY) && no_log)
        connect("?immutable=1", SQLITE_OPEN_READONLY);
    else
        fail(result);
}

/// The change needs the file alone for a moment, and does not ask the busy handler.
void Database::enter_write_ahead_mode() {
    for (const double begin = now_seconds();;) {
        sqlite3_stmt* pragma = nullptr;
        int result = sqlite3_prepare_v2(connection_, "PRAGMA journal_mode=WAL", -1, &pragma, nullptr);
        if (result == SQLITE_OK) result = sqlite3_step(pragma);
        sqlite3_finalize(pragma);
        if (result == SQLITE_ROW) return;
        if ((result & 0xff) != SQLITE_BUSY || now_seconds() - begin > patience_seconds_) fail(result);
        std::this_thread::sleep_for(std::chrono::microseconds(500 + random_below(5000)));
    }
}

void Database::fail(int result) {
    std::string message = connection_ == nullptr ? sqlite3_errstr(result) : sqlite3_errmsg(connection_);
    if ((result & 0xff) == SQLITE_BUSY)
        message = "others kept it for more than " + std::to_string(static_cast<int>(patience_seconds_)) +
                  " s (patience_seconds)";
    if ((result & 0xff) == SQLITE_NOTADB) message = "is no SQLite database";
    throw StorageError(path_.string() + ": " + message);
}

Database::Statement Database::prepare(const char* sql) {
    sqlite3_stmt*& statement = statements_[sql];
    if (statement == nullptr) {
        const int result =
            sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        if (result != SQLITE_OK) fail(result);
    }
    return {*this, statement};
}

void Database::run(const char* sql) { (void)prepare(sql).step(); }

void Database::set_flushing(bool flush) {
    if (flushing_ == flush) return;
    const int result =
        sqlite3_exec(connection_, flush ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", nullptr,
                     nullptr, nullptr);
    if (result != SQLITE_OK) fail(result);
    flushing_ = flush;
}

void Database::Statement::check(int result) {
    if (result != SQLITE_OK) database_.fail(result);
}
Database::Statement& Database::Statement::bind(int index, std::uint64_t number) {
    check(sqlite3_bind_int64(statement_, index, static_cast<sqlite3_int64>(number)));
    return *this;
}
Database::Statement& Database::Statement::bind(int index, double number) {
    check(sqlite3_bind_double(statement_, index, number));
    return *this;
}
Database::Statement& Database::Statement::bind_text(int index, std::string_view text) {
    check(sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
    return *this;
}
Database::Statement& Database::Statement::bind_bytes(int index, std::string_view bytes) {
    check(sqlite3_bind_blob64(statement_, index, bytes.data(), bytes.size(), SQLITE_STATIC));
    return *this;
}
bool Database::Statement::step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) database_.fail(result);
    return result == SQLITE_ROW;
}
std::uint64_t Database::Statement::number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}
std::string_view Database::Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    return {static_cast<const char*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Database::Transaction::~Transaction() {
    if (open_) try {
            database_.run("ROLLBACK");
        } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): a failure has undone it already
        }
}

void Database::Transaction::commit() {
    database_.run("COMMIT");
    open_ = false;
}

}  // namespace attune::sqlite
