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

constexpr double no_norm = 1e-6;  ///< torch's guard against a norm of 0

void require_norm(double norm) {
    if (!(norm >= 1)) throw InvalidOption("norm " + std::to_string(norm) + " must be at least 1");
}

double total_norm(const std::vector<OptimizerGroup>& groups, double exponent) {
    std::vector<torch::Tensor> norms;  // brought over in one go: each look waits for a device
    for_each_gradient(groups, [&](const torch::Tensor& parameter) {
        norms.push_back(parameter.grad().norm(exponent).to(torch::kFloat64));
    });
    if (norms.empty()) return 0;
    const auto table = torch::stack(norms).to(torch::kCPU);
    double sum = 0;
    for (std::int64_t i = 0; i < table.numel(); ++i) {
        const double norm = table.data_ptr<double>()[i];
        sum = std::isinf(exponent) ? std::max(sum, norm) : sum + std::pow(norm, exponent);
    }
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
    std::span<ParameterState> left = states_;
    for (auto& group : groups()) {
        step_group(group, left.first(group.parameters.size()));
        left = left.subspan(group.parameters.size());
    }
}

void ParameterwiseOptimizer::step_group(OptimizerGroup& group, std::span<ParameterState> states) {
    Members members;
    for (std::size_t i = 0; i < states.size(); ++i) {
        const auto& parameter = group.parameters[i];
        if (!parameter.grad().defined()) continue;
        ++states[i].steps;
        members.parameters.push_back(parameter);
        members.gradients.push_back(parameter.grad());
        members.states.push_back(&states[i]);
    }
    if (members.parameters.empty()) return;
    const double rate = group.learning_rate * group.factor;
    const auto* first = members.states.front();
    const bool alike = first->steps > 1 && std::ranges::all_of(members.states, [&](const auto* state) {
                           return state->steps == first->steps;
                       });
    // On the processor one parameter after the other keeps what is at hand in its caches.
    if (alike && !members.parameters.front().is_cpu() && update_together(members, rate, group)) return;
    for (std::size_t i = 0; i < members.parameters.size(); ++i)
        update(members.parameters[i], members.gradients[i], *members.states[i], rate, group);
}

std::vector<torch::Tensor> ParameterwiseOptimizer::Members::tensors(std::size_t index) const {
    std::vector<torch::Tensor> result;
    for (const auto* state : states) result.push_back(state->tensors[index]);
    return result;
}

bool ParameterwiseOptimizer::update_together(const Members&, double, const OptimizerGroup&) { return false; }

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
    require_norm(norm);
    const torch::NoGradGuard no_gradients;
    const double before = total_norm(groups, norm);
    const double factor = limit / (before + no_norm);
    if (factor >= 1) return before;
    for_each_gradient(groups, [&](const torch::Tensor& parameter) { parameter.grad().mul_(factor); });
    return before;
}

void limit_gradients(const std::vector<OptimizerGroup>& groups, double limit, double norm) {
    require_norm(norm);
    const torch::NoGradGuard no_gradients;
    std::vector<torch::Tensor> gradients;
    for_each_gradient(groups, [&](const torch::Tensor& parameter) { gradients.push_back(parameter.grad()); });
    if (gradients.empty()) return;
    if (gradients.front().is_cpu()) {
        (void)clip_gradients(groups, limit, norm);
        return;
    }
    std::vector<torch::Tensor> norms;
    for (const auto& gradient : gradients) norms.push_back(gradient.norm(norm));
    const auto factor = (limit / (torch::stack(norms).norm(norm) + no_norm)).clamp_max(1);
    for (auto& gradient : gradients) gradient.mul_(factor);
}

}  // namespace attune
