#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attune/error.hpp"

namespace attune {

/// A program could not be started; `code()` is the errno.
class SpawnError : public Error {
  public:
    SpawnError(const std::string& message, int code) : Error("spawn", message), code_(code) {}
    [[nodiscard]] int code() const noexcept { return code_; }

  private:
    int code_;
};

struct ProcessOptions {
    /// Program and arguments, at least the program; without a slash it is looked for in PATH. No shell is
    /// involved.
    std::vector<std::string> arguments{};
    /// Added to the environment, or replacing what it has.
    std::vector<std::pair<std::string, std::string>> environment{};
    bool inherit_environment = true;
    /// Where the program runs; the host's own folder where empty. A relative program path starts here.
    std::filesystem::path working_directory{};
    /// The output is appended to this file as well; no copy where empty.
    std::filesystem::path log_file{};
    /// Wall time that it may take; 0 is no limit.
    std::chrono::duration<double> time_limit{0};
    /// How long it may write nothing; 0 is no limit.
    std::chrono::duration<double> silence_limit{0};
    /// Between the polite end (SIGTERM to the group) and the sure one (SIGKILL).
    std::chrono::duration<double> grace{10};
    /// How long output is still read from processes that the program left behind, before they are ended.
    std::chrono::duration<double> linger{1};
    /// The program's group is killed when the host dies, even by SIGKILL (see Process).
    bool end_with_host = true;
    /// Lines of output kept in the result.
    std::size_t tail_lines = 20;

    /// Throws InvalidOption.
    void validate() const;
};

/// Why a process is no longer running.
enum class ProcessEnd {
    exited,         ///< of itself, with `exit_code`
    signalled,      ///< by `signal`, which was not sent from here
    time_limit,     ///< ended for having run too long
    silence_limit,  ///< ended for having written nothing for too long
    cancelled,      ///< ended since the stop token asked for it
    stopped,        ///< ended since the output callback asked for it
};

struct ProcessResult {
    ProcessEnd end = ProcessEnd::exited;
    int exit_code = -1;   ///< -1 where a signal ended it
    int signal = 0;       ///< 0 where it exited
    bool killed = false;  ///< it ignored the polite end, and SIGKILL was used
    bool left_behind =
        false;  ///< it ended but had left processes that still held its output, and they were killed
    double duration_seconds = 0;
    double cpu_seconds = 0;             ///< user and system, of it and of the children that it waited for
    std::int64_t max_memory_bytes = 0;  ///< greatest resident size of it or one such child
    std::int64_t output_bytes = 0;
    std::vector<std::string> last_lines{};  ///< of stdout and stderr together, as LineSplitter makes them
    std::string log_error{};                ///< why the log file is incomplete, empty if it is not
};

/// "exit code 3", "signal 9 (Killed)", "ran longer than its limit of 60 s" ... for messages.
[[nodiscard]] std::string describe(const ProcessResult& result, const ProcessOptions& options);

/// The file that starting `program` from `working_directory` would run: a name without a slash is looked for
/// in PATH, another one is taken from the working directory. Throws SpawnError that says what is wrong:
/// nothing of that name, a folder, a file that is not executable.
[[nodiscard]] std::filesystem::path find_program(const std::string& program,
                                                 const std::filesystem::path& working_directory = {});

/// A child process with a process group of its own, started by posix_spawn.
///
/// Its input is empty; stdout and stderr come through one pipe, in the order written. It starts with default
/// signal handlers, no blocked signals and no inherited descriptors but 0, 1 and 2. The library installs no
/// signal handler; a host must not reap children it does not know (`waitpid(-1)`) nor ignore SIGCHLD, or
/// results are lost (exit code -1, signal 0).
///
/// Ending is polite first (SIGTERM, and SIGCONT for stopped processes, to the whole group), and sure after
/// `grace` (SIGKILL). Nothing in the group outlives it: when the program has ended, what it left behind is
/// given `linger` to finish writing, then killed. A process that moves to another session (`setsid`, a
/// daemon) leaves the group, and is neither waited for nor ended.
///
/// If the host dies, even by SIGKILL, a watcher (`/bin/sh`, one per process, waiting on a pipe that only the
/// host holds open) kills the group. PR_SET_PDEATHSIG would follow the starting thread rather than the host
/// and spare grandchildren. Not covered: a host that dies in the microseconds between the start of the
/// program and that of its watcher, and processes outside the group.
///
/// Different objects may be used from different threads at once; one object by one thread at a time.
class Process {
  public:
    /// Gets each chunk of output as it comes, in any size; returning false ends the process.
    using Output = std::function<bool(std::string_view)>;

    /// Starts the program. Throws InvalidOption, SpawnError (not found, not executable, no memory ...) or
    /// FileError (the log file).
    explicit Process(ProcessOptions options);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    /// Ends it surely (SIGKILL to its group) if `wait` was not called.
    ~Process();

    [[nodiscard]] pid_t pid() const noexcept;

    /// Reads the output until the process has ended. Called once. After an end was asked for, output still
    /// goes to the log file and the last lines, no longer to the callback. If the callback throws, the
    /// process is killed and the exception passes.
    ProcessResult wait(const Output& on_output = {}, const std::stop_token& cancel = {});

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace attune
