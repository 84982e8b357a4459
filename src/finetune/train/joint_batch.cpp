#include "joint_batch.hpp"

#include <torch/utils.h>

#include <exception>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace attune::detail {
namespace {

thread_local const JointBatch* current_batch = nullptr;

/// Calls `exchange` for one flat tensor of each type, on `device`, and puts what comes of it into the
/// tensors.
template <typename Exchange>
void in_messages(const std::vector<torch::Tensor>& tensors, torch::Device device, const Exchange& exchange) {
    const torch::NoGradGuard no_gradients;
    std::map<torch::ScalarType, std::vector<torch::Tensor>> kinds;
    for (const auto& tensor : tensors) kinds[tensor.scalar_type()].push_back(tensor);
    for (auto& [kind, members] : kinds) {
        std::vector<torch::Tensor> flat;
        for (const auto& member : members) flat.push_back(member.reshape({-1}).to(device));
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

void sum_all(ProcessGroup& group, const std::vector<torch::Tensor>& tensors, torch::Device device) {
    in_messages(tensors, device, [&](torch::Tensor& message) { group.sum(message); });
}

void broadcast_all(ProcessGroup& group, const std::vector<torch::Tensor>& tensors, torch::Device device) {
    in_messages(tensors, device, [&](torch::Tensor& message) { group.broadcast(message); });
}

std::vector<double> sum_of(ProcessGroup& group, const std::vector<double>& numbers, torch::Device device) {
    auto tensor = torch::tensor(numbers, torch::kFloat64).to(device);
    group.sum(tensor);
    tensor = tensor.to(torch::kCPU);
    return {tensor.data_ptr<double>(), tensor.data_ptr<double>() + tensor.numel()};
}

void all_or_none(ProcessGroup* group, torch::Device device, const std::function<void()>& work) {
    if (group == nullptr) return work();
    std::exception_ptr failure;
    try {
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    const double failures = sum_of(*group, {failure ? 1.0 : 0.0}, device)[0];
    if (failure) std::rethrow_exception(failure);
    if (failures > 0)
        throw ProcessGroupError(
            fmt::format("{:.0f} of the other processes of the group refused to go on", failures));
}

}  // namespace attune::detail
