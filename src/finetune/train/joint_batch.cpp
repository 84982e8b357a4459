#include "joint_batch.hpp"

#include <torch/utils.h>

#include <map>
#include <utility>

namespace attune::detail {
namespace {

thread_local const JointBatch* current_batch = nullptr;

/// Calls `exchange` for one flat tensor of each type and device, and puts what comes of it into the tensors.
template <typename Exchange>
void in_messages(const std::vector<torch::Tensor>& tensors, const Exchange& exchange) {
    const torch::NoGradGuard no_gradients;
    std::map<std::pair<int, int>, std::vector<torch::Tensor>> kinds;
    for (const auto& tensor : tensors)
        kinds[{static_cast<int>(tensor.scalar_type()), static_cast<int>(tensor.device().type())}].push_back(
            tensor);
    for (auto& [kind, members] : kinds) {
        std::vector<torch::Tensor> flat;
        for (const auto& member : members) flat.push_back(member.reshape({-1}));
        auto message = torch::cat(flat);
        exchange(message);
        std::int64_t at = 0;
        for (auto& member : members) {
            member.copy_(message.narrow(0, at, member.numel()).view(member.sizes()));
            at += member.numel();
        }
    }
}

}  // namespace

OwnRows own_rows(const ProcessGroup* group, std::size_t total) {
    if (group == nullptr) return {0, total, total, 1};
    const auto size = static_cast<std::size_t>(group->size());
    const auto rank = static_cast<std::size_t>(group->rank());
    if (total < size) return {0, total, total, 1 / static_cast<double>(size)};
    const auto first = total * rank / size;
    return {first, total * (rank + 1) / size - first, total, 1};
}

JointBatch::JointBatch(std::shared_ptr<ProcessGroup> group, const OwnRows& own)
    : group_(std::move(group)), own_(own), before_(current_batch) {
    current_batch = group_ == nullptr ? nullptr : this;
}

JointBatch::~JointBatch() { current_batch = before_; }

const JointBatch* JointBatch::current() { return current_batch; }

void sum_all(ProcessGroup& group, const std::vector<torch::Tensor>& tensors) {
    in_messages(tensors, [&](torch::Tensor& message) { group.sum(message); });
}

void broadcast_all(ProcessGroup& group, const std::vector<torch::Tensor>& tensors) {
    in_messages(tensors, [&](torch::Tensor& message) { group.broadcast(message); });
}

std::vector<double> sum_of(ProcessGroup& group, const std::vector<double>& numbers, torch::Device device) {
    auto tensor = torch::tensor(numbers, torch::kFloat64).to(device);
    group.sum(tensor);
    tensor = tensor.to(torch::kCPU);
    return {tensor.data_ptr<double>(), tensor.data_ptr<double>() + tensor.numel()};
}

}  // namespace attune::detail
