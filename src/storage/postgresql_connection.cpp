#ifdef ATTUNE_HAS_POSTGRESQL
#include "postgresql_connection.hpp"

#include <algorithm>
#include <bit>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <map>
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

using Settings = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

/// Where a password has a slash in it that is not encoded, libpq takes its parts for a port and a database.
bool is_cut_wrongly(const std::string& address, const PQconninfoOption& option) {
    if (option.val == nullptr || address.find("://") == std::string::npos) return false;
    const std::string_view keyword = option.keyword, value = option.val;
    return (keyword == "port" && value.find_first_not_of("0123456789,") != std::string_view::npos) ||
           (keyword == "dbname" && value.find('@') != std::string_view::npos);
}

/// What the address says. Throws StorageError without what libpq quotes, which may be a password.
Settings parsed(const std::string& address) {
    char* message = nullptr;
    Settings settings(PQconninfoParse(address.c_str(), &message), &PQconninfoFree);
    const std::string why = first_line(message);
    PQfreemem(message);
    if (settings == nullptr)
        throw StorageError("postgresql: the address cannot be read: " +
                           why.substr(0, why.find_first_of(":\"")));
    for (const PQconninfoOption* option = settings.get(); option->keyword != nullptr; ++option)
        if (is_cut_wrongly(address, *option))
            throw StorageError("postgresql: the address cannot be read: what stands at the place of its " +
                               std::string(option->keyword) +
                               " is none; in a password, write / as %2F, @ as %40, : as %3A and % as %25");
    return settings;
}

/// What holds where neither the address nor libpq's environment says it: a server or a network that went
/// silently is found out within half a minute, and then waited for.
struct Default {
    const char *keyword, *value, *environment;
};
constexpr Default defaults[] = {{"connect_timeout", "10", "PGCONNECT_TIMEOUT"},
                                {"keepalives_idle", "15", nullptr},
                                {"keepalives_interval", "5", nullptr},
                                {"keepalives_count", "3", nullptr},
                                {"tcp_user_timeout", "30000", nullptr}};

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view hex = "0123456789ABCDEF", plain = "-._~/";
    std::string out;
    for (const unsigned char c : text)
        if (std::isalnum(c) != 0 || plain.find(static_cast<char>(c)) != std::string_view::npos)
            out += static_cast<char>(c);
        else
            (out += '%') += {hex[c >> 4], hex[c & 15]};
    return out;
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

std::string without_passwords(const std::string& address) try {
    const Settings settings = parsed(address);
    std::map<std::string, std::string> said;
    for (const PQconninfoOption* option = settings.get(); option->keyword != nullptr; ++option)
        if (option->val != nullptr && std::string_view(option->dispchar) != "*")
            said[option->keyword] = percent_encoded(option->val);
    const auto take = [&](const char* keyword, const std::string& before, const std::string& behind) {
        const auto found = said.extract(keyword);
        return found.empty() ? "" : before + found.mapped() + behind;
    };
    std::string text = "postgresql://" + take("user", "", "@");
    // Folders of sockets and lists of hosts have a place behind the question mark only.
    if (const auto host = said.find("host");
        host == said.end() || host->second.find_first_of("/%") == std::string::npos)
        text += take("host", "", "") + take("port", ":", "");
    text += "/" + take("dbname", "", "");
    char before = '?';
    for (const auto& [keyword, value] : said) {
        text += before + keyword + "=" + value;
        before = '&';
    }
    return text;
} catch (const StorageError&) {
    return "postgresql";
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

void Connection::begin_connecting() {
    const Settings settings = parsed(address_);
    std::vector<const char*> keywords, values;
    const auto say = [&](const char* keyword, const char* value) {
        keywords.push_back(keyword);
        values.push_back(value);
    };
    for (const PQconninfoOption* option = settings.get(); option->keyword != nullptr; ++option)
        if (option->val != nullptr) say(option->keyword, option->val);
    for (const auto& [keyword, value, environment] : defaults) {
        const bool is_said =
            std::find(keywords.begin(), keywords.end(), std::string_view(keyword)) != keywords.end();
        if (!is_said && (environment == nullptr || std::getenv(environment) == nullptr)) say(keyword, value);
    }
    say(nullptr, nullptr);
    connection_.reset(PQconnectdbParams(keywords.data(), values.data(), 0));
}

/// Waits for a server that is away. What is wrong with the address itself is refused at once; a name that was
/// found before is looked up again.
void Connection::connect() {
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    for (auto pause = std::chrono::milliseconds(20);;
         pause = std::min(pause * 2, std::chrono::milliseconds(1000))) {
        begin_connecting();
        if (PQstatus(connection_.get()) == CONNECTION_OK) {
            PQsetNoticeProcessor(
                connection_.get(), [](void*, const char*) {}, nullptr);
            const Result prepared(PQexec(connection_.get(), on_connect_.c_str()));
            const auto status = PQresultStatus(prepared.raw());
            was_connected_ = was_connected_ || status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
            if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
            if (!lost(prepared)) fail(first_line(PQerrorMessage(connection_.get())));
        }
        const std::string why = first_line(PQerrorMessage(connection_.get()));
        const bool hopeless =
            why.find("does not exist") != std::string::npos ||
            why.find("authentication failed") != std::string::npos ||
            (!was_connected_ && why.find("could not translate host name") != std::string::npos) ||
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
