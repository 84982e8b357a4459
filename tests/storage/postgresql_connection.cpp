#include <dlfcn.h>
#include <doctest/doctest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include "attune/storage/postgresql.hpp"
#include "support/shared_data.hpp"
#include "support/storage_contract.hpp"

// How a connection to PostgreSQL breaks in ways that a real server shows once in a thousand restarts: by a
// server that says what the protocol (https://www.postgresql.org/docs/current/protocol.html) would have it
// say.

using namespace attune;

namespace {

constexpr std::string_view own_name = "attune-test.invalid";
std::atomic<int> lookups_that_fail{0};

}  // namespace

// Every lookup of this process comes by here: one name is this machine, unless it cannot be told for a while.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (node == nullptr || node != own_name) return real(node, service, hints, result);
    if (lookups_that_fail > 0) return --lookups_that_fail, EAI_AGAIN;
    return real("127.0.0.1", service, hints, result);
}

namespace {

std::string big_endian(std::uint32_t number, int bytes = 4) {
    std::string text;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        text += static_cast<char>(number >> shift & 0xff);
    return text;
}

std::string message(char kind, const std::string& body) {
    return kind + big_endian(static_cast<std::uint32_t>(body.size()) + 4) + body;
}

const std::string ready = message('Z', "I");
std::string done(const std::string& tag) { return message('C', tag + '\0'); }

/// One client's connection, from the server's side.
class Client {
  public:
    explicit Client(int listener) : socket_(::accept(listener, nullptr, nullptr)) {
        if (socket_ < 0) throw std::runtime_error("no client came");
        (void)bytes(length(bytes(4)) - 4);  // who it is
        say(message('R', big_endian(0)) + ready);
    }
    ~Client() { ::close(socket_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Reads messages up to one of this kind.
    void hear(char kind) {
        for (char heard = 0; heard != kind;) {
            heard = bytes(1)[0];
            (void)bytes(length(bytes(4)) - 4);
        }
    }
    void say(const std::string& text) {
        if (::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
            throw std::runtime_error("the client is gone");
    }
    /// From now on what the client sends fails, while it can still read.
    void stop_listening() { ::shutdown(socket_, SHUT_RD); }

  private:
    static std::size_t length(const std::string& text) {
        std::size_t number = 0;
        for (const char c : text) number = number << 8 | static_cast<unsigned char>(c);
        return number;
    }
    std::string bytes(std::size_t count) {
        std::string text(count, '\0');
        for (std::size_t at = 0; at < count;) {
            const auto got = ::recv(socket_, text.data() + at, count - at, 0);
            if (got <= 0) throw std::runtime_error("the client is gone");
            at += static_cast<std::size_t>(got);
        }
        return text;
    }

    int socket_;
};

int listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        ::listen(listener, 4) != 0)
        throw std::runtime_error("cannot listen at " + path);
    return listener;
}

/// At a port of this machine, which is told.
int listen_on_network(int& port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    auto* const general = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    if (listener < 0 || ::bind(listener, general, size) != 0 || ::listen(listener, 4) != 0 ||
        ::getsockname(listener, general, &size) != 0)
        throw std::runtime_error("cannot listen at a port");
    port = ntohs(address.sin_port);
    return listener;
}

/// An option of TCP of this process's connection to the port; -1 where there is none.
int tcp_option(int port, int option) {
    for (int file = 3; file < 1024; ++file) {
        sockaddr_in peer{};
        socklen_t size = sizeof(peer);
        if (::getpeername(file, reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
            peer.sin_family != AF_INET || ntohs(peer.sin_port) != port)
            continue;
        int value = -1;
        socklen_t length = sizeof(value);
        if (::getsockopt(file, IPPROTO_TCP, option, &value, &length) == 0) return value;
    }
    return -1;
}

/// Answers a question for one truth value, by no.
void answer_no(Client& client) {
    client.hear('S');
    const std::string column = std::string("answer\0", 7) + big_endian(0) + big_endian(0, 2) +
                               big_endian(16) + big_endian(1, 2) + big_endian(0xffffffff) + big_endian(1, 2);
    client.say(message('1', "") + message('2', "") + message('T', big_endian(1, 2) + column) +
               message('D', big_endian(1, 2) + big_endian(1) + std::string(1, '\0')) + done("SELECT 1") +
               ready);
}

}  // namespace

TEST_CASE(
    "a server that stops listening before it closes the connection is waited for like any other that goes") {
    if (!Postgresql::is_built_in()) return test::count_skip("PostgreSQL", "libpq is missing");
    const test::TemporaryFolder folder;
    const int listener = listen_at((folder.path() / ".s.PGSQL.5432").string());
    std::string trouble;
    std::jthread server([&] {
        try {
            Client first(listener);
            first.hear('Q');
            first.stop_listening();
            first.say(done("SET") + ready);
            // Notices give the client something to read, so that nothing but the sending fails.
            const std::string notice("SWARNING\0VWARNING\0C01000\0Mgoing\0", 33);
            for (pollfd next{listener, POLLIN, 0}; ::poll(&next, 1, 5) == 0;) first.say(message('N', notice));
            Client second(listener);
            second.hear('Q');
            second.say(done("SET") + ready);
            answer_no(second);
            second.hear('X');
        } catch (const std::exception& error) {
            trouble = error.what();
        }
    });
    CHECK(Postgresql::studies("postgresql://somebody@/anything?host=" + folder.path().string()).empty());
    ::shutdown(listener, SHUT_RDWR);
    server.join();
    ::close(listener);
    CHECK(trouble.empty());
}

TEST_CASE("a server whose name cannot be looked up for a moment is waited for, if it was found before") {
    if (!Postgresql::is_built_in()) return test::count_skip("PostgreSQL", "libpq is missing");
    int port = 0;
    const int listener = listen_on_network(port);
    std::string trouble;
    int silence_ms = 0, idle_seconds = 0;
    std::jthread server([&] {
        try {
            {
                Client first(listener);
                first.hear('Q');
                silence_ms = tcp_option(port, TCP_USER_TIMEOUT);
                idle_seconds = tcp_option(port, TCP_KEEPIDLE);
                first.say(done("SET") + ready);
                first.hear('S');
                lookups_that_fail = 2;
            }
            Client second(listener);
            second.hear('Q');
            second.say(done("SET") + ready);
            answer_no(second);
            second.hear('X');
        } catch (const std::exception& error) {
            trouble = error.what();
        }
    });
    const std::string address = "postgresql://somebody@" + std::string(own_name) + ":" +
                                std::to_string(port) +
                                "/anything?sslmode=disable&gssencmode=disable&keepalives_idle=7";
    CHECK(Postgresql::studies(address).empty());
    CHECK(lookups_that_fail == 0);
    ::shutdown(listener, SHUT_RDWR);
    server.join();
    ::close(listener);
    CHECK(trouble.empty());
    CHECK(silence_ms == 30000);  // unless the address says otherwise
    CHECK(idle_seconds == 7);    // as it does
    lookups_that_fail = 1;       // never found: the address is taken for wrong at once
    CHECK_THROWS_WITH_AS((void)Postgresql::studies(address),
                         doctest::Contains("could not translate host name"), StorageError);
    CHECK(lookups_that_fail == 0);
}
