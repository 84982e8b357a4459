#include "attune/execute/process.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "support/shared_data.hpp"

using namespace std::chrono_literals;
using attune::Process;
using attune::ProcessEnd;
using attune::ProcessOptions;
using attune::ProcessResult;
using attune::test::contents;

namespace {

ProcessOptions shell(const std::string& script) { return {.arguments = {"/bin/sh", "-c", script}}; }

struct Ran {
    ProcessResult result;
    std::string output;
};

Ran run(ProcessOptions options, const std::stop_token& cancel = {}) {
    Ran ran;
    Process process(std::move(options));
    ran.result = process.wait(
        [&](std::string_view bytes) {
            ran.output += bytes;
            return true;
        },
        cancel);
    return ran;
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

// A zombie has ended, whoever is to collect it.
bool alive(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    if (!std::getline(file, text)) return false;
    return text.substr(text.rfind(')') + 2, 1) != "Z";
}

// Waits for what must happen, with a limit that only a failure reaches.
template <class Condition>
bool eventually(Condition condition) {
    for (int i = 0; i < 2000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

pid_t number_in(const std::filesystem::path& path) {
    const std::string text = contents(path);
    return text.empty() || text.back() != '\n' ? 0 : static_cast<pid_t>(std::stol(text));
}

}  // namespace

TEST_CASE("stdout and stderr come in the order written, with the exit code") {
    const Ran ran = run(shell("echo one; echo two >&2; echo three; exit 7"));
    CHECK(ran.output == "one\ntwo\nthree\n");
    CHECK(ran.result.end == ProcessEnd::exited);
    CHECK(ran.result.exit_code == 7);
    CHECK(ran.result.signal == 0);
    CHECK(ran.result.output_bytes == 14);
    CHECK(ran.result.last_lines == std::vector<std::string>{"one", "two", "three"});
    CHECK(ran.result.max_memory_bytes > 0);
    CHECK(attune::describe(ran.result, {}) == "exit code 7");
}

TEST_CASE("arguments reach the program unchanged, without a shell") {
    const Ran ran = run({.arguments = {"printf", "[%s]", "a b", "$HOME", "", "'\"", "*"}});
    CHECK(ran.output == "[a b][$HOME][]['\"][*]");
}

TEST_CASE("environment, folder and input are as asked") {
    attune::test::TemporaryFolder folder;
    ProcessOptions options = shell("echo \"$ATTUNE_TEST_A|$ATTUNE_TEST_B\"; pwd -P; cat; echo end");
    options.environment = {
        {"ATTUNE_TEST_A", "first"}, {"ATTUNE_TEST_B", "x=y z"}, {"ATTUNE_TEST_A", "second"}};
    options.working_directory = folder.path();
    CHECK(run(options).output ==
          "second|x=y z\n" + std::filesystem::canonical(folder.path()).string() + "\nend\n");
    ProcessOptions bare = {
        .arguments = {"/usr/bin/env"}, .environment = {{"ONLY", "1"}}, .inherit_environment = false};
    CHECK(run(bare).output == "ONLY=1\n");
}

TEST_CASE("the output is copied to the log file as well, at its end") {
    attune::test::TemporaryFolder folder;
    ProcessOptions options = shell("echo new");
    options.log_file = folder.path() / "log";
    std::ofstream(options.log_file) << "old\n";
    CHECK(run(options).result.log_error.empty());
    CHECK(contents(options.log_file) == "old\nnew\n");
    options.log_file = folder.path() / "missing" / "log";
    CHECK_THROWS_AS(Process{options}, attune::FileError);
    options.log_file = "/dev/full";
    const Ran full = run(options);
    CHECK(full.result.exit_code == 0);
    CHECK(full.output == "new\n");
    CHECK(!full.result.log_error.empty());
}

TEST_CASE("what cannot be started is said, with the cause") {
    try {
        Process process({.arguments = {"attune-no-such-program"}});
        FAIL("it was started");
    } catch (const attune::SpawnError& error) {
        CHECK(error.code() == ENOENT);
        CHECK(std::string(error.what()).find("attune-no-such-program") != std::string::npos);
    }
    CHECK_THROWS_AS(Process({.arguments = {"/etc/passwd"}}), attune::SpawnError);
    CHECK_THROWS_AS(Process({.arguments = {"true"}, .working_directory = "/no/such/folder"}),
                    attune::SpawnError);
    CHECK_THROWS_AS(Process({.arguments = {}}), attune::InvalidOption);
    CHECK_THROWS_AS(Process({.arguments = {"true"}, .environment = {{"A=B", ""}}}), attune::InvalidOption);
    CHECK_THROWS_AS(Process({.arguments = {"true"}, .time_limit = -1s}), attune::InvalidOption);
    CHECK_THROWS_AS(Process({.arguments = {std::string("a\0b", 3)}}), attune::InvalidOption);
}

TEST_CASE("a signal of somebody else's is told apart from our own") {
    const Ran ran = run(shell("kill -SEGV $$"));
    CHECK(ran.result.end == ProcessEnd::signalled);
    CHECK(ran.result.signal == SIGSEGV);
    CHECK(ran.result.exit_code == -1);
    CHECK(attune::describe(ran.result, {}).find("signal 11") == 0);
}

TEST_CASE("megabytes of output come whole") {
    const Ran ran = run(shell("head -c 8388608 /dev/zero | tr '\\0' 'x'; echo"));
    CHECK(ran.output.size() == 8388609);
    CHECK(ran.result.output_bytes == 8388609);
    CHECK(ran.result.last_lines.size() == 1);
    CHECK(ran.result.last_lines.front().size() < 10000);
}

TEST_CASE("the time limit ends a program politely, and what it still writes is kept") {
    ProcessOptions options =
        shell("trap 'echo saved; exit 3' TERM; echo ready; while :; do sleep 0.01; done");
    options.time_limit = 300ms;
    const Ran ran = run(options);
    CHECK(ran.result.end == ProcessEnd::time_limit);
    CHECK(ran.result.exit_code == 3);
    CHECK_FALSE(ran.result.killed);
    CHECK(ran.output == "ready\n");
    CHECK(ran.result.last_lines.front() == "ready");
    CHECK(ran.result.last_lines.back() == "saved");  // the shell may tell of its sleep's end before
    CHECK(attune::describe(ran.result, options) == "ran longer than its limit of 0.3 s");
}

TEST_CASE("a program that ignores the polite end is killed") {
    ProcessOptions options = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");
    options.grace = 100ms;
    Process process(options);
    const ProcessResult result = process.wait([](std::string_view) { return false; });
    CHECK(result.end == ProcessEnd::stopped);
    CHECK(result.killed);
    CHECK(result.signal == SIGKILL);
}

TEST_CASE("silence ends a program, and output puts that off") {
    ProcessOptions options = shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done; sleep 100");
    options.silence_limit = 400ms;
    const Ran ran = run(options);
    CHECK(ran.result.end == ProcessEnd::silence_limit);
    CHECK(ran.output == "1\n2\n3\n4\n5\n6\n");
}

TEST_CASE("a stop token ends it, also one that was stopped before") {
    std::stop_source source;
    Process process(shell("echo up; sleep 100"));
    const ProcessResult result = process.wait(
        [&](std::string_view) {
            source.request_stop();
            return true;
        },
        source.get_token());
    CHECK(result.end == ProcessEnd::cancelled);
    CHECK(result.signal == SIGTERM);
    CHECK(run(shell("sleep 100"), source.get_token()).result.end == ProcessEnd::cancelled);
}

TEST_CASE("grandchildren that hold the output are ended and hang nobody") {
    attune::test::TemporaryFolder folder;
    const std::string file = (folder.path() / "pid").string();
    ProcessOptions options = shell("(trap '' TERM HUP; sleep 1000) & echo $! > " + file + "; echo gone");
    options.linger = 50ms;
    const Ran ran = run(options);
    CHECK(ran.result.end == ProcessEnd::exited);
    CHECK(ran.result.exit_code == 0);
    CHECK(ran.result.left_behind);
    CHECK(ran.output == "gone\n");
    const pid_t grandchild = number_in(file);
    REQUIRE(grandchild > 0);
    CHECK(eventually([&] { return !alive(grandchild); }));
}

TEST_CASE("what a finished program's helper still writes within the linger time is read") {
    const Ran ran = run(shell("(sleep 0.1; echo late) & echo early"));
    CHECK(ran.output == "early\nlate\n");
    CHECK_FALSE(ran.result.left_behind);
}

TEST_CASE("a program under a shell has its grace though the shell ends at once") {
    ProcessOptions options = shell(
        "sh -c 'trap \"sleep 0.2; echo checkpoint; exit 0\" TERM; echo up; while :; do sleep 0.01; done' & "
        "wait");
    options.linger = 0ms;
    options.grace = 20s;
    Process process(options);
    const ProcessResult result = process.wait([](std::string_view) { return false; });
    CHECK(result.end == ProcessEnd::stopped);
    CHECK(result.last_lines.back() == "checkpoint");
}

TEST_CASE("an object that goes away takes its process along, and an exception of the callback too") {
    pid_t pid = 0;
    {
        Process process(shell("trap '' TERM; sleep 1000"));
        pid = process.pid();
        CHECK(alive(pid));
    }
    CHECK(::kill(pid, 0) != 0);
    Process process(shell("echo x; sleep 1000"));
    pid = process.pid();
    CHECK_THROWS_AS(process.wait([](std::string_view) -> bool { throw std::runtime_error("no"); }),
                    std::runtime_error);
    CHECK(::kill(pid, 0) != 0);
    CHECK_THROWS_AS(process.wait(), attune::InvalidState);
}

TEST_CASE("the child has default signals and no descriptor of the host's") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);  // not closed on exec, as a careless host's
    const auto before = ::signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    sigset_t old;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &old);
    const Ran signals = run({.arguments = {"grep", "-E", "SigBlk|SigIgn", "/proc/self/status"}});
    const Ran files = run({.arguments = {"ls", "/proc/self/fd"}});
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    ::signal(SIGPIPE, before);
    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(files.output == "0\n1\n2\n3\n");  // 3 is the folder that ls reads
    CAPTURE(signals.output);
    CHECK(signals.output.find("SigBlk:\t0000000000000000") != std::string::npos);
    const std::size_t ignored = signals.output.find("SigIgn:\t");
    REQUIRE(ignored != std::string::npos);
    const auto mask = std::stoull(signals.output.substr(ignored + 8), nullptr, 16);
    CHECK((mask & 0x7fffffffU) == 0);  // above are two that glibc keeps for itself
}

TEST_CASE("many at once from several threads, without zombies or lost descriptors") {
    static_cast<void>(run(shell("true")));
    const std::size_t before = open_descriptors();
    std::vector<int> wrong(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < wrong.size(); ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i) {
                const int code = static_cast<int>(t) * 10 + i;
                const Ran ran = run(shell("echo " + std::to_string(code) + "; exit " + std::to_string(code)));
                if (ran.result.exit_code != code || ran.output != std::to_string(code) + "\n") ++wrong[t];
            }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == std::vector<int>(4, 0));
    CHECK(open_descriptors() == before);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("the group dies with a host that is killed") {
    attune::test::TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "pid";
    const pid_t host = ::fork();  // a host to be killed; the tests run one thread by now
    if (host == 0) {
        Process process(shell("sleep 1000 & echo $! > " + file.string() + "; wait"));
        std::ofstream(folder.path() / "begun") << "1\n";
        static_cast<void>(process.wait());
        ::_exit(0);
    }
    REQUIRE(host > 0);
    // The program may be faster than its host, which watches over it once Process is made.
    REQUIRE(eventually([&] { return number_in(file) > 0 && number_in(folder.path() / "begun") > 0; }));
    const pid_t grandchild = number_in(file);
    CHECK(alive(grandchild));
    ::kill(host, SIGKILL);
    ::waitpid(host, nullptr, 0);
    CHECK(eventually([&] { return !alive(grandchild); }));
}
