#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attune::postgresql {

/// The rows that a statement gave, in binary form.
class Result {
  public:
    explicit Result(PGresult* result) : result_(result, &PQclear) {}
    [[nodiscard]] int rows() const { return PQntuples(result_.get()); }
    /// How many rows it changed.
    [[nodiscard]] int changes() const;
    [[nodiscard]] bool is_null(int row, int column) const {
        return PQgetisnull(result_.get(), row, column) != 0;
    }
    [[nodiscard]] std::string_view bytes(int row, int column) const;
    [[nodiscard]] std::uint64_t number(int row, int column) const;
    [[nodiscard]] double real(int row, int column) const;
    [[nodiscard]] std::string text(int row, int column) const { return std::string(bytes(row, column)); }
    [[nodiscard]] PGresult* raw() const { return result_.get(); }

  private:
    std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

/// A value that a statement takes.
struct Argument {
    Argument(std::uint64_t number) : bytes(std::to_string(number)) {}  // NOLINT: converts by intent
    Argument(double number);                                           // NOLINT
    Argument(std::string text) : bytes(std::move(text)) {}             // NOLINT
    static Argument of_bytes(std::string bytes);

    std::string bytes;
    bool binary = false;
};

/// The address without passwords, however they are given; "postgresql" alone where libpq cannot read it.
[[nodiscard]] std::string without_passwords(const std::string& address);

/// A connection that comes back when the server does. One thread at a time. Failures are StorageErrors.
class Connection {
  public:
    /// `on_connect` is run as SQL after every connecting.
    Connection(std::string address, std::string name, double patience_seconds, std::string on_connect);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() = default;

    /// Runs one statement. Where the connection breaks, it is made anew and the statement repeated: it must
    /// be one that may run twice, or `was_done` must say, on the new connection, whether the first one
    /// counted (then its result is gone, and an empty one is given).
    Result run(const char* sql, const std::vector<Argument>& parameters = {},
               const std::function<bool()>& was_done = {});
    /// Several statements without parameters, in one transaction.
    void run_script(const std::string& sql);

  private:
    [[noreturn]] void fail(const std::string& message) const;
    void connect();
    void begin_connecting();
    [[nodiscard]] bool lost(const Result& result);

    std::string address_;
    std::string name_;
    double patience_seconds_;
    std::string on_connect_;
    bool was_connected_ = false;
    int unsaid_ = 0;  ///< failures in a row that the server said nothing about
    /// An owner from the first, since a constructor that throws runs no destructor.
    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
};

}  // namespace attune::postgresql
