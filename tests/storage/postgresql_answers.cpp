#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

#include "attune/storage/postgresql.hpp"
#include "support/postgresql_server.hpp"
#include "support/storage_contract.hpp"

// Answers of a PostgreSQL server that get lost on their way.

using namespace attune;

namespace {

constexpr const char* socket_name = "/.s.PGSQL.5432";

/// A socket at the path: one that listens, or one that is connected to what listens there.
int socket_at(const std::string& path, bool listens) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    const auto* const general = reinterpret_cast<const sockaddr*>(&address);
    const int file = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const bool fine = listens ? ::bind(file, general, sizeof(address)) == 0 && ::listen(file, 4) == 0
                              : ::connect(file, general, sizeof(address)) == 0;
    if (!fine) throw std::runtime_error(path + ": no socket");
    return file;
}

/// Stands between a client and a server. The answer to the statement that holds `marker` is kept back, once;
/// then `meanwhile` is called and the client's connection is closed.
class Between {
  public:
    Between(const std::string& folder, const std::string& server, std::string marker,
            std::function<void()> meanwhile)
        : listener_(socket_at(folder + socket_name, true)),
          server_(server + socket_name),
          marker_(std::move(marker)),
          meanwhile_(std::move(meanwhile)),
          thread_([this] { serve(); }) {}
    ~Between() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    Between(const Between&) = delete;
    Between& operator=(const Between&) = delete;

    std::atomic<bool> is_armed{false};
    std::atomic<int> lost{0};  ///< answers

  private:
    void serve() {
        for (int client = ::accept(listener_, nullptr, nullptr); client >= 0;
             client = ::accept(listener_, nullptr, nullptr)) {
            const int server = socket_at(server_, false);
            const bool was_lost = pass_on(client, server);
            if (was_lost) {
                meanwhile_();
                ++lost;
            }
            ::close(client);
            ::close(server);
        }
    }
    /// Until one side closes; whether it was ended by an answer that was kept back.
    bool pass_on(int client, int server) {
        bool keeps_back = false;
        for (std::string answer;;) {
            pollfd ends[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
            if (::poll(ends, 2, -1) < 0) return false;
            const bool is_client = ends[0].revents != 0;
            char bytes[65536];
            const auto size = ::recv(is_client ? client : server, bytes, sizeof(bytes), 0);
            if (size <= 0) return false;
            const std::string text(bytes, static_cast<std::size_t>(size));
            if (is_client && is_armed && text.find(marker_) != std::string::npos) {
                keeps_back = true;
                is_armed = false;
            }
            if (!is_client && keeps_back) {
                answer += text;
                if (answer.ends_with(std::string("Z\0\0\0\5I", 6))) return true;  // it is done
            } else if (::send(is_client ? server : client, bytes, static_cast<std::size_t>(size),
                              MSG_NOSIGNAL) != size) {
                return false;
            }
        }
    }

    int listener_;
    std::string server_, marker_;
    std::function<void()> meanwhile_;
    std::jthread thread_;
};

}  // namespace

TEST_CASE("PostgreSQL: an append whose answer was lost counts once, also where its row was compacted since") {
    if (!Postgresql::is_built_in()) return test::count_skip("PostgreSQL", "libpq is missing");
    auto server = test::PostgresqlServer::start();
    if (!server) return;
    test::count_run();
    const test::TemporaryFolder folder;
    const auto note = [](double time) { return Event{time, event::Attribute{-1, "k", "v"}}; };
    Postgresql direct(server->address());
    CHECK(direct.append(std::vector<Event>{test::rich_events().front()}, 0));
    CHECK(direct.append(std::vector<Event>{note(1)}, 1));
    std::atomic<bool> compacts{true};
    Between between(folder.path().string(), server->folder(), "INSERT INTO attune_events", [&] {
        if (compacts) direct.compact();
    });
    Postgresql writer("postgresql://postgres@/postgres?host=" + folder.path().string());
    between.is_armed = true;
    CHECK(writer.append(std::vector<Event>{note(2), note(3)}, 2));
    CHECK(between.lost == 1);
    CHECK(direct.read(0).size() == 4);
    compacts = false;
    between.is_armed = true;
    CHECK(writer.append(std::vector<Event>{note(4)}, 4));
    CHECK(direct.read(0).size() == 5);
    CHECK(between.lost == 2);
    CHECK_FALSE(writer.append(std::vector<Event>{note(5)}, 4));
}
