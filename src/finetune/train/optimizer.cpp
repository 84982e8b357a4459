#include "attune/finetune/train/optimizer.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"

namespace attune {
namespace {

OptimizerGroup matching(const ParameterGroup& group, bool one_dimensional) {
    OptimizerGroup result;
    for (const auto& parameter : group.parameters)
        if ((parameter.dim() <= 1) == one_dimensional) result.parameters.push_back(parameter);
    return result;
}

/// Calls `use(parameter)` for every parameter of the groups that has a gradient.
template <typename Groups, typename Use>
void for_each_gradient(Groups& groups, const Use& use) {
    for (auto& group : groups)
        for (auto& parameter : group.parameters)
            if (parameter.grad().defined()) use(parameter);
}

double total_norm(const std::vector<OptimizerGroup>& groups, double exponent) {
    double sum = 0;
    for_each_gradient(groups, [&](const torch::Tensor& parameter) {
        const auto norm = parameter.grad().norm(exponent).template item<double>();
        sum = std::isinf(exponent) ? std::max(sum, norm) : sum + std::pow(norm, exponent);
    });
    return std::isinf(exponent) ? sum : std::pow(sum, 1 / exponent);
}

}  // namespace

void Optimizer::zero_grad() {
    for (auto& group : groups_)
        for (auto& parameter : group.parameters) parameter.mutable_grad().reset();
}

ParameterwiseOptimizer::ParameterwiseOptimizer(std::vector<OptimizerGroup> groups,
                                               std::vector<std::string> tensors,
                                               std::vector<std::string> numbers)
    : Optimizer(std::move(groups)), tensors_(std::move(tensors)), numbers_(std::move(numbers)) {
    for (const auto& group : this->groups())
        for (std::size_t i = 0; i < group.parameters.size(); ++i)
            states_.push_back(
                {0, std::vector<torch::Tensor>(tensors_.size()), std::vector<double>(numbers_.size())});
}

void ParameterwiseOptimizer::step(const LossClosure&) {
    const torch::NoGradGuard no_gradients;
    begin_step();
    std::size_t at = 0;
    for (auto& group : groups())
        for (auto& parameter : group.parameters) {
            auto& state = states_[at++];
            if (!parameter.grad().defined()) continue;
            ++state.steps;
            update(parameter, parameter.grad(), state, group.learning_rate * group.factor, group);
        }
}

NamedTensors ParameterwiseOptimizer::state() const {
    NamedTensors result;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        const auto& state = states_[i];
        const std::string prefix = std::to_string(i) + ".";
        result.emplace_back(prefix + "steps", torch::tensor({state.steps}, torch::kInt64));
        for (std::size_t k = 0; k < tensors_.size(); ++k)
            if (state.tensors[k].defined()) result.emplace_back(prefix + tensors_[k], state.tensors[k]);
        if (state.steps == 0) continue;
        for (std::size_t k = 0; k < numbers_.size(); ++k)
            result.emplace_back(prefix + numbers_[k], torch::tensor({state.numbers[k]}, torch::kFloat64));
    }
    return result;
}

void ParameterwiseOptimizer::load(const NamedTensors& saved) {
    std::map<std::string, torch::Tensor> left(saved.begin(), saved.end());
    const auto take = [&](const std::string& name) {
        auto found = left.extract(name);
        return found.empty() ? torch::Tensor{} : found.mapped();
    };
    std::size_t at = 0;
    for (auto& group : groups())
        for (auto& parameter : group.parameters) {
            const std::string prefix = std::to_string(at) + ".";
            auto& state = states_[at++];
            const auto steps = take(prefix + "steps");
            if (!steps.defined()) throw FileError("the optimizer's state has no entry " + prefix + "steps");
            state.steps = steps.item<std::int64_t>();
            for (std::size_t k = 0; k < tensors_.size(); ++k) {
                const auto tensor = take(prefix + tensors_[k]);
                if (tensor.defined() && tensor.sizes() != parameter.sizes())
                    throw FileError("the optimizer's state " + prefix + tensors_[k] +
                                    " has not the shape of its parameter");
                // In the parameter's own layout, which the arithmetic of the next steps depends on.
                state.tensors[k] = tensor.defined()
                                       ? torch::empty_like(parameter, tensor.scalar_type()).copy_(tensor)
                                       : tensor;
            }
            for (std::size_t k = 0; k < numbers_.size(); ++k) {
                const auto value = take(prefix + numbers_[k]);
                if (value.defined()) state.numbers[k] = value.item<double>();
            }
        }
    if (!left.empty())
        throw FileError("the optimizer's state has an entry " + left.begin()->first +
                        ", which belongs to none of its parameters");
}

std::vector<OptimizerGroup> optimizer_groups(Network& network, std::size_t frozen, const Recipe& recipe) {
    const auto head = network.stages().size();
    std::vector<OptimizerGroup> groups;
    for (const auto& group : parameter_groups(network, frozen)) {
        const double factor = group.stage == head
                                  ? recipe.head_learning_rate_multiplier
                                  : std::pow(recipe.layerwise_decay, static_cast<double>(head - group.stage));
        for (const bool one_dimensional : {false, true}) {
            auto part = matching(group, one_dimensional);
            if (part.parameters.empty()) continue;
            part.learning_rate = recipe.learning_rate * factor;
            part.weight_decay = one_dimensional && !recipe.decay_biases_and_norms ? 0 : recipe.weight_decay;
            part.stage = group.stage;
            groups.push_back(std::move(part));
        }
    }
    return groups;
}

double momentum_of(const Recipe& recipe) {
    switch (recipe.optimizer) {
        case OptimizerKind::adam:
        case OptimizerKind::adamw:
        case OptimizerKind::adamax:
        case OptimizerKind::nadam:
        case OptimizerKind::radam:
        case OptimizerKind::lamb:
            return recipe.betas[0];
        case OptimizerKind::lion:
            return recipe.optimizer_details.lion_betas[0];
        default:
            return recipe.momentum;
    }
}

double clip_gradients(const std::vector<OptimizerGroup>& groups, double limit, double norm) {
    if (!(norm >= 1)) throw InvalidOption("norm " + std::to_string(norm) + " must be at least 1");
    const torch::NoGradGuard no_gradients;
    const double before = total_norm(groups, norm);
    const double factor = limit / (before + 1e-6);  // torch's guard against a norm of 0
    if (factor >= 1) return before;
    for_each_gradient(groups, [&](const torch::Tensor& parameter) { parameter.grad().mul_(factor); });
    return before;
}

}  // namespace attune
