#include "attune/execute/signals.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <semaphore>
#include <stop_token>

#include "attune/error.hpp"

using attune::StopOnSignal;

namespace {

std::atomic<int> seen_by_host{0};
extern "C" void host_handler(int) { ++seen_by_host; }

}  // namespace

TEST_CASE("SIGINT and SIGTERM become a stop request") {
    for (const int signal : {SIGINT, SIGTERM}) {
        const StopOnSignal stop;
        CHECK_FALSE(stop.token().stop_requested());
        std::binary_semaphore requested{0};
        const std::stop_callback told(stop.token(), [&] { requested.release(); });
        REQUIRE(::raise(signal) == 0);
        requested.acquire();
        CHECK(stop.token().stop_requested());
    }
}

TEST_CASE("one at a time; the host's handlers come back") {
    const auto before = std::signal(SIGINT, host_handler);
    {
        const StopOnSignal stop;
        CHECK_THROWS_AS(StopOnSignal{}, attune::InvalidState);
    }
    REQUIRE(::raise(SIGINT) == 0);
    CHECK(seen_by_host == 1);
    std::signal(SIGINT, before);
}

TEST_CASE("a second signal ends the process at once") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        const StopOnSignal stop;
        (void)::raise(SIGINT);
        (void)::raise(SIGTERM);
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 128 + SIGTERM);
}
