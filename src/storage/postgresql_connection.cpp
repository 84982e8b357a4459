#ifdef ATTUNE_HAS_POSTGRESQL
#include "postgresql_connection.hpp"

#include <bit>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "attune/error.hpp"

namespace attune::postgresql {
namespace {

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t number = 0;
    for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
    return number;
}

std::string first_line(const char* message) {
    const std::string text = message == nullptr ? "" : message;
    return text.substr(0, text.find('\n'));
}

}  // namespace

int Result::changes() const { return std::atoi(PQcmdTuples(result_.get())); }
std::string_view Result::bytes(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
std::uint64_t Result::number(int row, int column) const { return big_endian(bytes(row, column)); }
double Result::real(int row, int column) const { return std::bit_cast<double>(number(row, column)); }

Argument::Argument(double number) {
    const auto bits = std::bit_cast<std::uint64_t>(number);
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(bits >> shift & 0xff);
    binary = true;
}
Argument Argument::of_bytes(std::string bytes) {
    Argument out(std::move(bytes));
    out.binary = true;
    return out;
}

Connection::Connection(std::string address, std::string name, double patience_seconds, std::string on_connect)
    : address_(std::move(address)),
      name_(std::move(name)),
      patience_seconds_(patience_seconds),
      on_connect_(std::move(on_connect)) {
    connect();
}

void Connection::fail(const std::string& message) const { throw StorageError(name_ + ": " + message); }

bool Connection::lost(const Result& result) {
    if (PQstatus(connection_.get()) == CONNECTION_BAD) return true;
    const char* state = PQresultErrorField(result.raw(), PG_DIAG_SQLSTATE);
    if (state != nullptr) return std::string_view(state).substr(0, 4) == "57P0";  // shutting or starting up
    // What the server did not say libpq says itself: a connection that takes no more has not become a bad one
    // yet. The same is said of statements that cannot be sent at all, so it is believed a few times only.
    constexpr int most = 3;
    return ++unsaid_ <= most;
}

/// Waits for a server that is away. What is wrong with the address itself is refused at once.
void Connection::connect() {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    for (auto pause = std::chrono::milliseconds(20);;
         pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
        connection_.reset(PQconnectdb(address_.c_str()));
        if (PQstatus(connection_.get()) == CONNECTION_OK) {
            PQsetNoticeProcessor(
                connection_.get(), [](void*, const char*) {}, nullptr);
            const Result prepared(PQexec(connection_.get(), on_connect_.c_str()));
            const auto status = PQresultStatus(prepared.raw());
            if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
            if (!lost(prepared)) fail(first_line(PQerrorMessage(connection_.get())));
        }
        const std::string why = first_line(PQerrorMessage(connection_.get()));
        const bool hopeless = why.find("does not exist") != std::string::npos ||
                              why.find("authentication failed") != std::string::npos ||
                              why.find("could not translate host name") != std::string::npos ||
                              why.find("invalid ") != std::string::npos;
        if (hopeless || std::chrono::duration<double>(Clock::now() - begin).count() > patience_seconds_)
            fail(why.empty() ? "cannot be connected to" : why);
        std::this_thread::sleep_for(pause);
    }
}

Result Connection::run(const char* sql, const std::vector<Argument>& parameters,
                       const std::function<bool()>& was_done) {
    std::vector<const char*> values;
    std::vector<int> lengths, formats;
    for (const Argument& parameter : parameters) {
        values.push_back(parameter.bytes.c_str());
        lengths.push_back(static_cast<int>(parameter.bytes.size()));
        formats.push_back(parameter.binary ? 1 : 0);
    }
    for (;;) {
        Result result(PQexecParams(connection_.get(), sql, static_cast<int>(parameters.size()), nullptr,
                                   values.data(), lengths.data(), formats.data(), 1));
        const auto status = PQresultStatus(result.raw());
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
            unsaid_ = 0;
            return result;
        }
        if (!lost(result)) fail(first_line(PQerrorMessage(connection_.get())));
        connect();
        if (was_done && was_done()) return Result(nullptr);
    }
}

void Connection::run_script(const std::string& sql) {
    for (;;) {
        const Result result(PQexec(connection_.get(), ("BEGIN; " + sql + " COMMIT;").c_str()));
        if (PQresultStatus(result.raw()) == PGRES_COMMAND_OK) {
            unsaid_ = 0;
            return;
        }
        const std::string why = first_line(PQerrorMessage(connection_.get()));
        if (!lost(result)) {
            const Result ignored(PQexec(connection_.get(), "ROLLBACK"));
            fail(why);
        }
        connect();
    }
}

}  // namespace attune::postgresql
#endif
