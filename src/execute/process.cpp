#include "attune/execute/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <optional>
#include <system_error>

#include "attune/metrics/line_splitter.hpp"
#include "process_spawn.hpp"

namespace attune {
namespace {

using Clock = std::chrono::steady_clock;
using detail::Descriptor;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kReadsPerRound = 16;  // deadlines are looked at between rounds, however fast the program writes
constexpr std::size_t kTailCharacters = 2000;
constexpr std::chrono::milliseconds kPollWithoutProcessHandle{20};

std::string error_text(int code) { return std::error_code(code, std::generic_category()).message(); }

Clock::time_point after(Clock::time_point start, std::chrono::duration<double> span) {
    constexpr std::chrono::duration<double> century{3.2e9};
    return start + std::chrono::duration_cast<Clock::duration>(std::min(span, century));
}

void require_duration(const char* name, std::chrono::duration<double> value) {
    if (!(value.count() >= 0))
        throw InvalidOption(fmt::format("{} is {} s; it must be 0 or more", name, value.count()));
}

void require_no_nul(const std::string& text, const char* what) {
    if (text.find('\0') != std::string::npos)
        throw InvalidOption(fmt::format("{} '{}' holds a NUL character, which no process can be given", what,
                                        text.substr(0, text.find('\0'))));
}

/// Appends to the log until that fails once.
class LogFile {
  public:
    explicit LogFile(const std::filesystem::path& path) {
        if (path.empty()) return;
        file_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
        if (!file_)
            throw FileError(
                fmt::format("{}: cannot be opened for the output: {}", path.string(), error_text(errno)));
    }
    void append(std::string_view bytes) {
        while (file_ && !bytes.empty()) {
            const ssize_t written = ::write(file_.number(), bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) {
                error = error_text(errno);
                file_.close();
                return;
            }
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    std::string error;

  private:
    Descriptor file_;
};

/// The last lines of the output.
class Tail {
  public:
    explicit Tail(std::size_t lines) : splitter_({.max_line_characters = kTailCharacters}), limit_(lines) {}
    void append(std::string_view bytes) { splitter_.feed(bytes, sink()); }
    std::vector<std::string> finish() {
        splitter_.finish(sink());
        return {lines_.begin(), lines_.end()};
    }

  private:
    LineSplitter::Sink sink() {
        return [this](const LogLine& line) {
            lines_.emplace_back(line.text);
            if (lines_.size() > limit_) lines_.pop_front();
        };
    }
    LineSplitter splitter_;
    std::size_t limit_;
    std::deque<std::string> lines_;
};

}  // namespace

void ProcessOptions::validate() const {
    if (arguments.empty() || arguments.front().empty())
        throw InvalidOption("arguments is empty; its first element names the program");
    for (const std::string& argument : arguments) require_no_nul(argument, "the argument");
    for (const auto& [name, value] : environment) {
        if (name.empty() || name.find('=') != std::string::npos)
            throw InvalidOption(
                fmt::format("the environment variable '{}' has no usable name; it must not be empty "
                            "nor hold '='",
                            name));
        require_no_nul(name, "the environment variable");
        require_no_nul(value, "the environment value");
    }
    require_duration("time_limit", time_limit);
    require_duration("silence_limit", silence_limit);
    require_duration("grace", grace);
    require_duration("linger", linger);
}

struct Process::State {
    explicit State(ProcessOptions given)
        : options(std::move(given)), log(options.log_file), tail(options.tail_lines) {
        start();
    }
    ~State() { kill_surely(); }

    void start();
    ProcessResult run(const Output& on_output, const std::stop_token& cancel);
    void kill_surely();

    void poll_once();
    void read_output(const Output& on_output);
    void take(std::string_view bytes, const Output& on_output);
    void check_exit();
    void check_deadlines();
    void ask_to_end(ProcessEnd reason);
    void signal_group(int number) const { ::kill(-pid, number); }
    [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;
    [[nodiscard]] bool finished() const { return gone_at && (!output || Clock::now() >= drain_until); }
    void reap();

    ProcessOptions options;
    LogFile log;
    Tail tail;
    std::optional<detail::Watcher> watcher;
    Descriptor output;
    Descriptor wake;    ///< readable when the stop token has asked for the end
    Descriptor handle;  ///< readable when the program has ended
    pid_t pid = -1;
    bool reaped = false;
    Clock::time_point started{};
    Clock::time_point last_output{};
    Clock::time_point kill_at{};
    Clock::time_point drain_until{};
    std::optional<Clock::time_point>
        gone_at;                      ///< when the program was seen to have ended; it is not reaped yet
    std::optional<ProcessEnd> asked;  ///< why it was asked to end
    ProcessResult result;
};

void Process::State::start() {
    auto [reading, writing] = detail::make_pipe();
    if (::fcntl(reading.number(), F_SETFL, O_NONBLOCK) != 0)
        throw SpawnError(fmt::format("cannot set up a pipe: {}", error_text(errno)), errno);
    wake = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) throw SpawnError(fmt::format("cannot make an event descriptor: {}", error_text(errno)), errno);
    if (options.end_with_host) watcher.emplace();
    detail::SpawnRequest request;
    request.arguments = options.arguments;
    request.environment = detail::environment_with(options.environment, options.inherit_environment);
    request.working_directory = options.working_directory;
    request.output = writing.number();
    pid = detail::spawn(request);
    if (watcher) watcher->watch(pid);
    started = last_output = Clock::now();
    handle = detail::open_process(pid);
    output = std::move(reading);
}

// The program stays unreaped until its group is dead: as long as it is, no other group can get its number.
void Process::State::kill_surely() {
    if (pid < 0 || reaped) return;
    signal_group(SIGKILL);
    reap();
}

void Process::State::reap() {
    int status = 0;
    rusage usage{};
    pid_t got = -1;
    do {
        got = ::wait4(pid, &status, 0, &usage);
    } while (got < 0 && errno == EINTR);
    reaped = true;
    watcher.reset();
    if (got != pid) return;  // somebody else has taken the status
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    result.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    result.max_memory_bytes = std::int64_t{usage.ru_maxrss} * 1024;
}

ProcessResult Process::State::run(const Output& on_output, const std::stop_token& cancel) {
    const std::stop_callback on_cancel(cancel, [this] {
        const std::uint64_t one = 1;
        static_cast<void>(!::write(wake.number(), &one, sizeof one));
    });
    while (!finished()) {
        if (cancel.stop_requested()) ask_to_end(ProcessEnd::cancelled);
        poll_once();
        read_output(on_output);
        check_exit();
        check_deadlines();
    }
    result.left_behind = static_cast<bool>(output);
    result.duration_seconds = std::chrono::duration<double>(*gone_at - started).count();
    signal_group(SIGKILL);
    if (output) read_output(on_output);
    reap();
    result.last_lines = tail.finish();
    result.log_error = log.error;
    result.end = asked ? *asked : result.signal != 0 ? ProcessEnd::signalled : ProcessEnd::exited;
    return std::move(result);
}

void Process::State::poll_once() {
    std::array<pollfd, 3> waiting = {{{output.number(), POLLIN, 0},
                                      {gone_at ? -1 : handle.number(), POLLIN, 0},
                                      {asked ? -1 : wake.number(), POLLIN, 0}}};
    int timeout_ms = -1;
    if (const auto deadline = next_deadline()) {
        const double left = std::chrono::duration<double, std::milli>(*deadline - Clock::now()).count();
        timeout_ms = static_cast<int>(std::clamp(std::ceil(left), 0.0, 3.6e6));
    }
    if (!handle && !gone_at) {
        const int step = static_cast<int>(kPollWithoutProcessHandle.count());
        timeout_ms = timeout_ms < 0 ? step : std::min(timeout_ms, step);
    }
    ::poll(waiting.data(), waiting.size(), timeout_ms);  // an interruption just makes a round more
}

std::optional<Clock::time_point> Process::State::next_deadline() const {
    if (gone_at) return drain_until;
    if (asked) return result.killed ? std::nullopt : std::optional(kill_at);
    std::optional<Clock::time_point> next;
    const auto consider = [&](Clock::time_point since, std::chrono::duration<double> limit) {
        if (limit.count() > 0) next = std::min(next.value_or(Clock::time_point::max()), after(since, limit));
    };
    consider(started, options.time_limit);
    consider(last_output, options.silence_limit);
    return next;
}

void Process::State::read_output(const Output& on_output) {
    std::array<char, kReadBytes> buffer;  // NOLINT(*-member-init): read fills it
    for (int i = 0; output && i < kReadsPerRound; ++i) {
        const ssize_t got = ::read(output.number(), buffer.data(), buffer.size());
        if (got > 0) {
            take({buffer.data(), static_cast<std::size_t>(got)}, on_output);
        } else if (got == 0) {
            output.close();
        } else {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) output.close();
            return;
        }
    }
}

void Process::State::take(std::string_view bytes, const Output& on_output) {
    last_output = Clock::now();
    result.output_bytes += static_cast<std::int64_t>(bytes.size());
    log.append(bytes);
    tail.append(bytes);
    if (!asked && on_output && !on_output(bytes)) ask_to_end(ProcessEnd::stopped);
}

void Process::State::check_exit() {
    if (gone_at) return;
    siginfo_t info{};
    const int code = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    const bool unknown = code != 0 && errno == ECHILD;
    if (!unknown && (code != 0 || info.si_pid == 0)) return;
    gone_at = Clock::now();
    drain_until = after(*gone_at, options.linger);
    // What was asked to end politely has its grace even if a shell above it ended at once.
    if (asked && !result.killed) drain_until = std::max(drain_until, kill_at);
}

void Process::State::check_deadlines() {
    const Clock::time_point now = Clock::now();
    if (gone_at) return;
    if (asked) {
        if (now < kill_at || result.killed) return;
        result.killed = true;
        signal_group(SIGKILL);
        return;
    }
    if (options.time_limit.count() > 0 && now >= after(started, options.time_limit))
        ask_to_end(ProcessEnd::time_limit);
    else if (options.silence_limit.count() > 0 && now >= after(last_output, options.silence_limit))
        ask_to_end(ProcessEnd::silence_limit);
}

void Process::State::ask_to_end(ProcessEnd reason) {
    if (gone_at) drain_until = std::min(drain_until, Clock::now());
    if (asked || gone_at) {
        // A program that has ended of itself keeps its own end; the answer that came with its last output
        // still counts.
        if (!asked && reason == ProcessEnd::stopped) asked = reason;
        return;
    }
    asked = reason;
    kill_at = after(Clock::now(), options.grace);
    signal_group(SIGTERM);
    signal_group(SIGCONT);
}

Process::Process(ProcessOptions options) {
    options.validate();
    state_ = std::make_unique<State>(std::move(options));
}

Process::~Process() = default;

pid_t Process::pid() const noexcept { return state_->pid; }

ProcessResult Process::wait(const Output& on_output, const std::stop_token& cancel) {
    if (state_->reaped) throw InvalidState("the process has been waited for already; wait is called once");
    try {
        return state_->run(on_output, cancel);
    } catch (...) {
        state_->kill_surely();
        throw;
    }
}

std::filesystem::path find_program(const std::string& program,
                                   const std::filesystem::path& working_directory) {
    const auto refuse = [&](const std::string& why, int code) {
        throw SpawnError(fmt::format("cannot start '{}': {}", program, why), code);
    };
    const auto executable = [](const std::filesystem::path& path) {
        return ::access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path);
    };
    if (program.find('/') != std::string::npos) {
        const std::filesystem::path path = working_directory / program;
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) refuse("there is no such file", ENOENT);
        if (std::filesystem::is_directory(path)) refuse("it is a folder", EACCES);
        if (!executable(path)) refuse("it exists but is not executable", EACCES);
        return path;
    }
    const char* variable = std::getenv("PATH");
    const std::string folders = variable != nullptr ? variable : "/bin:/usr/bin";
    for (std::size_t begin = 0; begin <= folders.size();) {
        const std::size_t end = std::min(folders.find(':', begin), folders.size());
        std::filesystem::path folder = folders.substr(begin, end - begin);
        if (folder.empty()) folder = ".";
        if (executable(folder / program)) return folder / program;
        begin = end + 1;
    }
    const bool beside = std::filesystem::is_regular_file(working_directory / program);
    refuse(beside ? "no folder of PATH has a program of that name; the file beside is './" + program + "'"
                  : std::string("no folder of PATH has a program of that name"),
           ENOENT);
    return {};
}

std::string describe(const ProcessResult& result, const ProcessOptions& options) {
    switch (result.end) {
        case ProcessEnd::exited:
            return result.exit_code < 0 ? "an end that somebody else was told of"
                                        : fmt::format("exit code {}", result.exit_code);
        case ProcessEnd::signalled: {
            const char* name = ::sigdescr_np(result.signal);
            return fmt::format("signal {} ({})", result.signal, name != nullptr ? name : "unknown");
        }
        case ProcessEnd::time_limit:
            return fmt::format("ran longer than its limit of {:g} s", options.time_limit.count());
        case ProcessEnd::silence_limit:
            return fmt::format("wrote nothing for its limit of {:g} s", options.silence_limit.count());
        case ProcessEnd::cancelled:
            return "cancelled";
        case ProcessEnd::stopped:
            return "stopped";
    }
    return "unknown end";
}

}  // namespace attune
