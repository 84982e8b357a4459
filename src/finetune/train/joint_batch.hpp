#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "attune/finetune/train/process_group.hpp"

namespace attune::detail {

/// The rows of a joint batch that one of several processes computes.
struct OwnRows {
    std::size_t first = 0;
    std::size_t count = 0;
    std::size_t total = 0;
    /// What each of its rows counts: below 1 where several processes compute the same rows.
    double weight = 1;

    [[nodiscard]] bool is_part() const { return count < total; }

    template <typename T>
    [[nodiscard]] std::span<const T> of(std::span<const T> rows) const {
        return rows.subspan(first, count);
    }
};

/// Consecutive parts as equal as can be. A batch with fewer rows than processes is computed by all of them,
/// as no layer can be relied on to take a batch of none. Without a group: all rows.
[[nodiscard]] OwnRows own_rows(const ProcessGroup* group, std::size_t total);

/// While it lives, layers on this thread that look at a batch as a whole know of which joint one it is a
/// part.
class JointBatch {
  public:
    /// `group` may be null: nothing is said then.
    JointBatch(std::shared_ptr<ProcessGroup> group, const OwnRows& own);
    ~JointBatch();
    JointBatch(const JointBatch&) = delete;
    JointBatch& operator=(const JointBatch&) = delete;

    /// Null outside of one.
    [[nodiscard]] static const JointBatch* current();

    [[nodiscard]] const std::shared_ptr<ProcessGroup>& group() const { return group_; }
    [[nodiscard]] const OwnRows& own() const { return own_; }

  private:
    std::shared_ptr<ProcessGroup> group_;
    OwnRows own_;
    const JointBatch* before_;
};

/// The sums over all processes, for each type of tensor in one message that travels through `device`.
void sum_all(ProcessGroup& group, const std::vector<torch::Tensor>& tensors, torch::Device device);

/// The first process's tensors, likewise.
void broadcast_all(ProcessGroup& group, const std::vector<torch::Tensor>& tensors, torch::Device device);

/// A few numbers, summed.
[[nodiscard]] std::vector<double> sum_of(ProcessGroup& group, const std::vector<double>& numbers,
                                         torch::Device device);

/// Runs `work`. Where it throws in one process it does so in all: there what was thrown, in the others
/// ProcessGroupError, so that none waits for one that is gone. `group` may be null.
void all_or_none(ProcessGroup* group, torch::Device device, const std::function<void()>& work);

}  // namespace attune::detail
