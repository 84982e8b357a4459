#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sqlite_marks.hpp"

namespace attune::sqlite {

/// A connection that waits for its turn, with its prepared statements. One thread at a time. Every failure is
/// a StorageError that begins with the path.
class Database {
  public:
    enum class Access { write, read };
    Database(std::filesystem::path path, Access access, double patience_seconds);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    /// A statement in use; it is reset when it goes out of scope.
    class Statement {
      public:
        Statement(Database& database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
        Statement(const Statement&) = delete;
        Statement& operator=(const Statement&) = delete;
        ~Statement() {
            sqlite3_reset(statement_);
            sqlite3_clear_bindings(statement_);
        }
        Statement& bind(int index, std::uint64_t number);
        Statement& bind(int index, double number);
        /// Refers to the bytes.
        Statement& bind_text(int index, std::string_view text);
        Statement& bind_bytes(int index, std::string_view bytes);
        /// Whether there is a row.
        bool step();
        [[nodiscard]] bool is_null(int column) const {
            return sqlite3_column_type(statement_, column) == SQLITE_NULL;
        }
        [[nodiscard]] std::uint64_t number(int column) const;
        [[nodiscard]] std::int64_t integer(int column) const {
            return sqlite3_column_int64(statement_, column);
        }
        [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }
        /// Valid until the next step.
        [[nodiscard]] std::string_view bytes(int column) const;
        [[nodiscard]] std::string text(int column) const { return std::string(bytes(column)); }

      private:
        void check(int result);
        Database& database_;
        sqlite3_stmt* statement_;
    };

    [[nodiscard]] Statement prepare(const char* sql);
    void run(const char* sql);
    /// How many rows the last statement changed.
    [[nodiscard]] int changes() const { return sqlite3_changes(connection_); }
    /// Whether commits wait for the disk.
    void set_flushing(bool flush);
    [[noreturn]] void fail(int result);
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// What the studies in it must have. Of use only for what is committed with this connection's flushing.
    [[nodiscard]] Marks& marks() { return marks_; }
    [[nodiscard]] bool is_flushing() const { return flushing_.value_or(true); }

    /// Begins at once, waiting for the turn; undone where it is not committed.
    class Transaction {
      public:
        explicit Transaction(Database& database, bool to_write = true) : database_(database) {
            database_.run(to_write ? "BEGIN IMMEDIATE" : "BEGIN");
        }
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;
        ~Transaction();
        void commit();

      private:
        Database& database_;
        bool open_ = true;
    };

  private:
    friend class Transaction;
    void open(Access access);
    void close();
    void enter_write_ahead_mode();
    static int wait_a_little(void* database, int times);

    std::filesystem::path path_;
    Marks marks_;
    double patience_seconds_;
    double waited_since_ = 0;
    sqlite3* connection_ = nullptr;
    std::map<const char*, sqlite3_stmt*> statements_;
    std::optional<bool> flushing_;
};

/// Makes the tables where the file is empty, and checks them as check_tables() does.
void make_tables(Database& database);
/// Throws StorageError for a file that holds no studies of ours or those of a later version, for tables that
/// are not as they were made, and where a study has fewer events than were acknowledged.
void check_tables(Database& database);
/// The study's number; 0 where there is none of this name. Throws StorageError where the table and the index
/// of names do not agree.
[[nodiscard]] std::uint64_t id_of(Database& database, const std::string& study);
/// Throws StorageError where a study has fewer events than its mark says.
void refuse_lost_events(Database& database, const std::string& study, std::uint64_t events,
                        std::uint64_t marked);

}  // namespace attune::sqlite
