#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace attune::detail {

/// A descriptor that is closed with the object.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(); }

    void close() noexcept;
    [[nodiscard]] int number() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

/// What a new process starts with. Its descriptors are 0, 1 and 2 and no others; -1 stands for /dev/null.
struct SpawnRequest {
    std::vector<std::string> arguments;
    std::vector<std::string> environment;  ///< "NAME=value"
    std::filesystem::path working_directory;
    int input = -1;
    int output = -1;  ///< stdout and stderr
};

/// Starts a process that leads a group of its own. Throws SpawnError.
[[nodiscard]] pid_t spawn(const SpawnRequest& request);

/// The host's environment (where `inherit`) with `additions` in it, the last of equal names winning.
[[nodiscard]] std::vector<std::string> environment_with(
    const std::vector<std::pair<std::string, std::string>>& additions, bool inherit);

/// Both ends of a pipe (reading, writing), closed on exec and numbered above the standard ones. Throws
/// SpawnError.
[[nodiscard]] std::pair<Descriptor, Descriptor> make_pipe();

/// A descriptor that becomes readable when the process ends; none where the kernel has no such thing.
[[nodiscard]] Descriptor open_process(pid_t pid);

/// Kills the group of a process if the host dies, by any signal. Dismissed when destroyed.
class Watcher {
  public:
    /// Throws SpawnError.
    Watcher();
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher();

    /// From now on the group `group` goes with the host.
    void watch(pid_t group);

  private:
    Descriptor line_;  ///< only the host holds this end open: its death is what the other end reads
    pid_t pid_ = -1;
};

}  // namespace attune::detail
