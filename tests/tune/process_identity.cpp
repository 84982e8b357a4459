#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "support/shared_data.hpp"
#include "tune/support.hpp"

using namespace attune;
using detail::ProcessState;

TEST_CASE("this process is alive to itself, and a process that does not exist is gone") {
    const std::string own = detail::process_identity();
    if (own.empty()) return;  // no /proc here
    CHECK(detail::process_state(own) == ProcessState::alive);
    CHECK(detail::process_state(own + "1") == ProcessState::gone);
    CHECK(detail::process_state(detail::process_scope() + "4194305/1") == ProcessState::gone);
    CHECK(detail::process_state("another boot/pid:[1]/1/1") == ProcessState::unknown);
}

namespace {

enum Answer { alive, gone, cannot_hide };

/// What a child says of this process where /proc does not show it, as with the mount option hidepid. The
/// child becomes another user if it may.
Answer seen_by_child(const std::string& identity, bool as_other_user) {
    const std::string hidden = "/proc/" + std::to_string(::getpid());
    const pid_t child = ::fork();
    if (child == 0) {
        const bool hides = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("tmpfs", hidden.c_str(), "tmpfs", 0, nullptr) == 0;
        if (!hides || (as_other_user && ::setuid(65534) != 0)) ::_exit(cannot_hide);
        ::_exit(detail::process_state(identity) == ProcessState::alive ? alive : gone);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return static_cast<Answer>(WEXITSTATUS(status));
}

}  // namespace

TEST_CASE("a process that /proc hides is alive as long as it exists") {
    const std::string own = detail::process_identity();
    if (own.empty() || seen_by_child(own, true) == cannot_hide)
        return test::count_skip("hidden processes", "/proc cannot be mounted over here");
    CHECK(seen_by_child(own, false) == alive);
    CHECK(seen_by_child(own, true) == alive);
    CHECK(seen_by_child(detail::process_scope() + "4194305/1", true) == gone);
}
