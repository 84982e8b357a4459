#include "attune/execute/signals.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "attune/error.hpp"

namespace attune {
namespace {

// A handler may only write to a descriptor; a thread reads the other end and requests the stop.
std::atomic<int> pipe_writer{-1};
std::atomic<int> signals_seen{0};

extern "C" void on_signal(int signal) {
    const int saved = errno;
    if (signals_seen.fetch_add(1) > 0) ::_exit(128 + signal);
    const char byte = 1;
    if (const int fd = pipe_writer.load(); fd >= 0) (void)!::write(fd, &byte, 1);
    errno = saved;
}

}  // namespace

struct StopOnSignal::State {
    std::stop_source source;
    int reader = -1;
    int writer = -1;
    struct sigaction old_interrupt {};
    struct sigaction old_terminate {};
    std::jthread watcher;
};

StopOnSignal::StopOnSignal() : state_(std::make_unique<State>()) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw InvalidState("signals: no descriptors are left for a pipe");
    int none = -1;
    if (!pipe_writer.compare_exchange_strong(none, ends[1])) {
        ::close(ends[0]);
        ::close(ends[1]);
        throw InvalidState("signals: another StopOnSignal exists; there can be one at a time");
    }
    state_->reader = ends[0];
    state_->writer = ends[1];
    signals_seen = 0;
    state_->watcher = std::jthread([reader = ends[0], source = state_->source]() mutable {
        char byte = 0;
        if (::read(reader, &byte, 1) == 1 && byte == 1) source.request_stop();
    });
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, &state_->old_interrupt);
    ::sigaction(SIGTERM, &action, &state_->old_terminate);
}

StopOnSignal::~StopOnSignal() {
    ::sigaction(SIGINT, &state_->old_interrupt, nullptr);
    ::sigaction(SIGTERM, &state_->old_terminate, nullptr);
    pipe_writer = -1;
    const char leave = 0;
    (void)!::write(state_->writer, &leave, 1);
    state_->watcher.join();
    ::close(state_->reader);
    ::close(state_->writer);
}

std::stop_token StopOnSignal::token() const { return state_->source.get_token(); }

}  // namespace attune
