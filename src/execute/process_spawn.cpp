#include "process_spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "attune/execute/process.hpp"

extern char** environ;  // NOLINT: POSIX names it so

namespace attune::detail {
namespace {

constexpr int kFirstFree = 3;

std::string reason(int code) { return std::error_code(code, std::generic_category()).message(); }

void check(int code, const char* what) {
    if (code != 0) throw SpawnError(fmt::format("{}: {}", what, reason(code)), code);
}

// A host that has closed its standard descriptors would get their numbers, which the child's own then
// overwrite.
Descriptor above_standard(Descriptor given) {
    if (given.number() >= kFirstFree) return given;
    Descriptor moved(::fcntl(given.number(), F_DUPFD_CLOEXEC, kFirstFree));
    if (!moved) check(errno, "cannot move a descriptor");
    return moved;
}

class FileActions {
  public:
    FileActions() { check(::posix_spawn_file_actions_init(&actions_), "cannot prepare a process"); }
    ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
    FileActions(const FileActions&) = delete;
    FileActions& operator=(const FileActions&) = delete;

    void connect(int from, int to, int mode) {
        if (from >= 0)
            check(::posix_spawn_file_actions_adddup2(&actions_, from, to), "cannot connect a pipe");
        else
            check(::posix_spawn_file_actions_addopen(&actions_, to, "/dev/null", mode, 0),
                  "cannot open /dev/null");
    }
    void change_folder(const std::filesystem::path& folder) {
        check(::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str()),
              "cannot set a working directory");
    }
    void close_others() {
        check(::posix_spawn_file_actions_addclosefrom_np(&actions_, kFirstFree), "cannot close descriptors");
    }
    const posix_spawn_file_actions_t* operator&() const { return &actions_; }  // NOLINT: what POSIX takes

  private:
    posix_spawn_file_actions_t actions_{};
};

class Attributes {
  public:
    Attributes() {
        check(::posix_spawnattr_init(&attributes_), "cannot prepare a process");
        sigset_t all;
        sigset_t none;
        sigfillset(&all);
        sigdelset(&all, SIGKILL);
        sigdelset(&all, SIGSTOP);
        sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    }
    ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
    const posix_spawnattr_t* operator&() const { return &attributes_; }  // NOLINT: what POSIX takes

  private:
    posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (const std::string& text : texts)
        result.push_back(const_cast<char*>(text.c_str()));  // NOLINT: POSIX reads only
    result.push_back(nullptr);
    return result;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

void Descriptor::close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

pid_t spawn(const SpawnRequest& request) {
    const std::string& program = request.arguments.front();
    // The exec that fails for want of the folder would be told as a program that is not there.
    if (!request.working_directory.empty() && !std::filesystem::is_directory(request.working_directory))
        throw SpawnError(fmt::format("cannot start '{}': its working directory '{}' is no folder", program,
                                     request.working_directory.string()),
                         ENOTDIR);
    FileActions actions;
    actions.connect(request.input, STDIN_FILENO, O_RDONLY);
    actions.connect(request.output, STDOUT_FILENO, O_WRONLY);
    actions.connect(request.output, STDERR_FILENO, O_WRONLY);
    actions.close_others();
    if (!request.working_directory.empty()) actions.change_folder(request.working_directory);
    const Attributes attributes;
    const std::vector<char*> arguments = pointers(request.arguments);
    const std::vector<char*> environment = pointers(request.environment);
    pid_t pid = -1;
    const int code =
        ::posix_spawnp(&pid, program.c_str(), &actions, &attributes, arguments.data(), environment.data());
    if (code != 0) throw SpawnError(fmt::format("cannot start '{}': {}", program, reason(code)), code);
    return pid;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& additions,
                                          bool inherit) {
    std::vector<std::string> result;
    for (char** entry = environ; inherit && entry != nullptr && *entry != nullptr; ++entry)
        result.emplace_back(*entry);
    for (const auto& [name, value] : additions) {
        const std::string begin = name + "=";
        std::erase_if(result, [&](const std::string& entry) { return entry.starts_with(begin); });
        result.push_back(begin + value);
    }
    return result;
}

std::pair<Descriptor, Descriptor> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) check(errno, "cannot make a pipe");
    Descriptor reading(ends[0]);
    Descriptor writing(ends[1]);
    reading = above_standard(std::move(reading));
    writing = above_standard(std::move(writing));
    return {std::move(reading), std::move(writing)};
}

Descriptor open_process(pid_t pid) {
#ifdef SYS_pidfd_open
    // Closed on exec by the kernel's own choice. By number, since glibc 2.36 declares its wrapper for C only.
    return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#else
    static_cast<void>(pid);
    return Descriptor{};
#endif
}

Watcher::Watcher() {
    // A socket pair, since writing to one whose other end died can be done without raising SIGPIPE in the
    // host.
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        check(errno, "cannot make a socket pair");
    line_ = Descriptor(ends[0]);
    const Descriptor given = above_standard(Descriptor(ends[1]));
    SpawnRequest request;
    request.arguments = {"/bin/sh", "-c", "read group && { read end; kill -s KILL -- \"-$group\"; }"};
    request.environment = {"PATH=/usr/bin:/bin"};
    request.input = given.number();
    pid_ = spawn(request);
}

Watcher::~Watcher() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void Watcher::watch(pid_t group) {
    const std::string text = std::to_string(group) + "\n";
    static_cast<void>(::send(line_.number(), text.data(), text.size(), MSG_NOSIGNAL));
}

}  // namespace attune::detail
