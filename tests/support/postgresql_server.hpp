#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "support/shared_data.hpp"

namespace attune::test {

/// A throw-away PostgreSQL server in a folder of its own, reached by a socket there. Where its programs are
/// not installed (or root cannot become another user), `start()` counts a visible skip and gives nothing.
class PostgresqlServer {
  public:
    [[nodiscard]] static std::optional<PostgresqlServer> start() {
        namespace fs = std::filesystem;
        std::string programs;
        std::error_code ignored;
        for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored))
            if (fs::exists(version.path() / "bin" / "initdb")) programs = (version.path() / "bin").string();
        if (programs.empty()) {
            count_skip("PostgreSQL", "its server is not installed (Debian: postgresql)");
            return std::nullopt;
        }
        std::string pattern = "/tmp/attune-pg-XXXXXX";
        PostgresqlServer server(programs, ::mkdtemp(pattern.data()));
        const std::string data = server.folder_ + "/data";
        if (::getuid() == 0 && std::system(("chown postgres '" + server.folder_ + "'").c_str()) != 0) {
            count_skip("PostgreSQL", "there is no user postgres to run it as");
            return std::nullopt;
        }
        if (!server.run("initdb -D " + data + " -A trust -U postgres") || !server.go_up()) {
            count_skip("PostgreSQL", "its server did not start");
            return std::nullopt;
        }
        return server;
    }

    PostgresqlServer(PostgresqlServer&& other) noexcept
        : programs_(std::move(other.programs_)), folder_(std::exchange(other.folder_, {})) {}
    PostgresqlServer& operator=(PostgresqlServer&&) = delete;
    ~PostgresqlServer() {
        if (folder_.empty()) return;
        go_down("immediate");
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] std::string address() const { return "postgresql://postgres@/postgres?host=" + folder_; }
    /// Processor time of the server so far, its ended processes included; 0 where the system does not tell.
    [[nodiscard]] double processor_seconds() const {
        std::ifstream file(folder_ + "/data/postmaster.pid");
        int postmaster = 0;
        file >> postmaster;
        double ticks = 0;
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
            const std::string name = entry.path().filename().string();
            if (name.find_first_not_of("0123456789") != std::string::npos) continue;
            std::ifstream stat(entry.path() / "stat");
            std::string text;
            std::getline(stat, text);
            std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
            std::string state, skipped;
            int parent = 0;
            double user = 0, system = 0, ended_user = 0, ended_system = 0;
            fields >> state >> parent;
            for (int i = 5; i < 14; ++i) fields >> skipped;
            fields >> user >> system >> ended_user >> ended_system;
            if (parent == postmaster) ticks += user + system;
            if (name == std::to_string(postmaster)) ticks += user + system + ended_user + ended_system;
        }
        return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    /// What its statistics count as flushes of the log; they come up to a second late.
    [[nodiscard]] long flushes() const {
        const std::string command =
            "psql -h '" + folder_ + "' -U postgres -Atc 'SELECT wal_sync FROM pg_stat_wal' 2>/dev/null";
        long count = 0;
        if (FILE* pipe = ::popen(command.c_str(), "r")) {
            if (std::fscanf(pipe, "%ld", &count) != 1) count = 0;
            ::pclose(pipe);
        }
        return count;
    }
    /// Runs statements as the superuser.
    [[nodiscard]] bool execute(const std::string& sql) const {
        return run("psql -h " + folder_ + " -U postgres -v ON_ERROR_STOP=1 -c \"" + sql + "\"");
    }
    [[nodiscard]] std::string folder() const { return folder_; }
    bool go_up() {
        return run("pg_ctl -D " + folder_ + "/data -l " + folder_ +
                   "/log -w -o \"-c listen_addresses='' -c " + "unix_socket_directories=" + folder_ +
                   "\" start");
    }
    void go_down(const std::string& mode = "fast") {
        (void)run("pg_ctl -D " + folder_ + "/data -w -m " + mode + " stop");
    }

  private:
    PostgresqlServer(std::string programs, std::string folder)
        : programs_(std::move(programs)), folder_(std::move(folder)) {}

    [[nodiscard]] bool run(const std::string& command) const {
        const std::string whole = "cd / && " + programs_ + "/" + command + " >/dev/null 2>&1";
        if (::getuid() != 0) return std::system(whole.c_str()) == 0;
        std::string quoted;
        for (const char c : whole) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
        return std::system(("su postgres -s /bin/sh -c '" + quoted + "'").c_str()) == 0;
    }

    std::string programs_;
    std::string folder_;
};

}  // namespace attune::test
