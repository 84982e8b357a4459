#include "pipe.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "attune/error.hpp"

extern char** environ;

namespace attune::regret {
namespace {

struct PipeError : Error {
    explicit PipeError(const std::string& message) : Error("pipe", message) {}
};

}  // namespace

// A socket pair rather than two pipes: writing to a program that has ended is then an error (MSG_NOSIGNAL
// cannot be given to a pipe) and no signal.
LinePipe::LinePipe(const std::string& command) : command_(command) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw PipeError(fmt::format("'{}': no socket pair: {}", command, std::strerror(errno)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    const std::string with_exec = "exec " + command;
    std::array<const char*, 4> arguments{"/bin/sh", "-c", with_exec.c_str(), nullptr};
    const int failed = ::posix_spawn(&child_, "/bin/sh", &actions, nullptr,
                                     const_cast<char* const*>(arguments.data()), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (failed != 0) {
        ::close(ends[0]);
        throw PipeError(fmt::format("'{}': cannot be started: {}", command, std::strerror(failed)));
    }
    out_ = ::fdopen(ends[0], "r");
}

LinePipe::~LinePipe() {
    if (out_ != nullptr) std::fclose(out_);  // the program sees the end of its input
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
}

std::string LinePipe::ask(const std::string& line) {
    const std::string text = line + "\n";
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t n = ::send(::fileno(out_), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            throw PipeError(fmt::format("'{}': took no more input: {}", command_, std::strerror(errno)));
        sent += static_cast<std::size_t>(n);
    }
    std::string answer;
    for (int c = std::fgetc(out_); c != '\n'; c = std::fgetc(out_)) {
        if (c == EOF) throw PipeError(fmt::format("'{}': ended without an answer to {}", command_, line));
        answer.push_back(static_cast<char>(c));
    }
    return answer;
}

}  // namespace attune::regret
