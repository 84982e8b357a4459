#include "attune/finetune/freeze.hpp"

#include <torch/nn/modules/batchnorm.h>

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "attune/error.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"

namespace attune {
namespace {

void check_count(const Network& network, std::size_t count) {
    if (count > network.stages().size())
        throw InvalidOption(
            fmt::format("frozen stages is {}; the network has {} (and a head, which always trains)", count,
                        network.stages().size()));
}

/// The stage of a parameter or module; stages().size() for the head; nothing for containers that several
/// share.
std::optional<std::size_t> find_stage(const Network& network, const std::string& name) {
    const auto& stages = network.stages();
    const auto belongs = [&](const std::string& prefix) {
        return name.starts_with(prefix) || (name.size() + 1 == prefix.size() && prefix.starts_with(name));
    };
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (std::any_of(stages[i].prefixes.begin(), stages[i].prefixes.end(), belongs)) return i;
    }
    if (belongs(network.head_name() + ".")) return stages.size();
    return std::nullopt;
}

bool is_batch_norm(const torch::nn::Module& module) {
    return module.as<BatchNorm2d>() != nullptr || module.as<torch::nn::BatchNorm1d>() != nullptr ||
           module.as<torch::nn::BatchNorm2d>() != nullptr || module.as<torch::nn::BatchNorm3d>() != nullptr;
}

bool stays_in_evaluation(const torch::nn::Module& module, bool frozen, BatchNormPolicy policy) {
    if (!is_batch_norm(module)) return frozen;
    switch (policy) {
        case BatchNormPolicy::frozen_in_frozen_stages:
            return frozen;
        case BatchNormPolicy::all_frozen:
            return true;
        case BatchNormPolicy::all_training:
            break;
    }
    return false;
}

}  // namespace

std::size_t stage_of(const Network& network, const std::string& name) {
    const auto stage = find_stage(network, name);
    if (!stage)
        throw UnknownName(fmt::format("'{}' belongs to no stage of the network and not to its head '{}'",
                                      name, network.head_name()));
    return *stage;
}

void freeze_stages(Network& network, std::size_t count, BatchNormPolicy policy) {
    check_count(network, count);
    for (auto& item : network.named_parameters()) {
        const bool trains = stage_of(network, item.key()) >= count;
        item.value().set_requires_grad(trains);
        // An optimiser would go on using (weight decay, momentum) what an earlier stage of the training left
        // here.
        if (!trains) item.value().mutable_grad().reset();
    }
    set_training(network, count, policy);
}

void set_training(Network& network, std::size_t frozen_count, BatchNormPolicy policy) {
    check_count(network, frozen_count);
    network.train(true);
    for (const auto& item : network.named_modules("", /*include_self=*/false)) {
        // Parents come before their children, which overrule what eval() did to them.
        const auto stage = find_stage(network, item.key());
        const bool frozen = stage && *stage < frozen_count;
        item.value()->train(!stays_in_evaluation(*item.value(), frozen, policy));
    }
}

std::vector<ParameterGroup> parameter_groups(Network& network, std::size_t frozen) {
    check_count(network, frozen);
    const auto& stages = network.stages();
    std::vector<ParameterGroup> groups;
    for (std::size_t i = frozen; i <= stages.size(); ++i)
        groups.push_back({i < stages.size() ? stages[i].name : network.head_name(), i, {}, {}});
    for (const auto& item : network.named_parameters()) {
        const auto stage = stage_of(network, item.key());
        if (stage < frozen) continue;
        groups[stage - frozen].names.push_back(item.key());
        groups[stage - frozen].parameters.push_back(item.value());
    }
    std::erase_if(groups, [](const ParameterGroup& group) { return group.parameters.empty(); });
    return groups;
}

}  // namespace attune
