#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attune/error.hpp"

namespace at {
class Tensor;
}

namespace attune {

/// A process of a group is gone, or did not come or answer in time.
struct ProcessGroupError : Error {
    explicit ProcessGroupError(const std::string& message) : Error("process_group", message) {}
};

/// Several processes, on one machine or many, that train one network together (see FitOptions::group).
///
/// join_process_group() makes one of libtorch's own; a transport of one's own (MPI, say) derives from this.
/// All processes make the same calls in the same order, with tensors of the same shapes and types.
/// Thread safety: one call at a time; it may come from another thread than the one before.
class ProcessGroup {
  public:
    ProcessGroup() = default;
    virtual ~ProcessGroup() = default;
    ProcessGroup(const ProcessGroup&) = delete;
    ProcessGroup& operator=(const ProcessGroup&) = delete;

    /// Of this process, in [0, size).
    [[nodiscard]] virtual int rank() const = 0;

    /// Processes, at least 1.
    [[nodiscard]] virtual int size() const = 0;

    /// Puts the sum over all processes into `tensor` (contiguous) of each. Throws
    /// ProcessGroupError.
    virtual void sum(at::Tensor& tensor) = 0;

    /// Puts the first process's `tensor` (contiguous) into that of each. Throws
    /// ProcessGroupError.
    virtual void broadcast(at::Tensor& tensor) = 0;

    /// Gives the group up, since this process cannot go on: calls of the others that wait for it throw, and
    /// so do later ones of this process. fit() does so where an exception ends it. By default: nothing.
    virtual void leave() noexcept {}
};

/// Where processes meet, and which one this is.
struct ProcessGroupOptions {
    /// "gloo" (processors, any network) or "nccl" (one CUDA device a process); see process_group_backends().
    std::string backend = "gloo";

    /// "file:///folder/name": a file that is not there yet, in a folder that all processes see; or
    /// "tcp://host:port" of the first process.
    std::string rendezvous;

    int rank = 0;  ///< of this process, in [0, size)
    int size = 1;  ///< processes

    /// How long a process waits for the others, in each call; above 0, at most 1e6. (With nccl libtorch's own
    /// watchdog ends a process that has waited so long.)
    double timeout_seconds = 1800;

    /// Throws InvalidOption that names the option, its value and the rule.
    void validate() const;
};

/// What was compiled in: "gloo" where libtorch brings gloo's headers or the system has them, "nccl" where it
/// has NCCL's.
[[nodiscard]] std::vector<std::string> process_group_backends();

/// Waits until all processes have come. Throws InvalidOption, UnknownName for a backend that is not compiled
/// in, ProcessGroupError where the others do not come in time.
[[nodiscard]] std::shared_ptr<ProcessGroup> join_process_group(const ProcessGroupOptions& options);

/// What `torchrun --no-python` and other launchers say in the environment: RANK, WORLD_SIZE, MASTER_ADDR and
/// MASTER_PORT. Nothing where WORLD_SIZE is not set; throws InvalidOption where one is missing or no number.
[[nodiscard]] std::optional<ProcessGroupOptions> process_group_options_of_environment();

}  // namespace attune
