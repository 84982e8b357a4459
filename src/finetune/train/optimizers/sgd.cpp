#include "attune/finetune/train/optimizers/sgd.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace attune {

Sgd::Sgd(std::vector<OptimizerGroup> groups, SgdOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"momentum"}), options_(options) {}

void Sgd::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                 double learning_rate, const OptimizerGroup& group) {
    auto direction = group.weight_decay == 0 ? gradient : gradient.add(parameter, group.weight_decay);
    if (options_.momentum != 0) {
        auto& momentum = state.tensors[0];
        if (momentum.defined())
            momentum.mul_(options_.momentum).add_(direction, 1 - options_.dampening);
        else
            momentum = direction.clone();
        direction = options_.nesterov ? direction.add(momentum, options_.momentum) : momentum;
    }
    parameter.add_(direction, -learning_rate);
}

bool Sgd::update_together(const Members& members, double learning_rate, const OptimizerGroup& group) {
    auto direction = members.gradients;
    if (group.weight_decay != 0)
        direction = at::_foreach_add(direction, members.parameters, group.weight_decay);
    if (options_.momentum != 0) {
        const auto momentum = members.tensors(0);
        if (!momentum.front().defined()) return false;  // a schedule has just given it one
        at::_foreach_mul_(momentum, options_.momentum);
        at::_foreach_add_(momentum, direction, 1 - options_.dampening);
        direction = options_.nesterov ? at::_foreach_add(direction, momentum, options_.momentum) : momentum;
    }
    at::_foreach_add_(members.parameters, direction, -learning_rate);
    return true;
}

Asgd::Asgd(std::vector<OptimizerGroup> groups, AsgdOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"average"}, {"rate", "mean_weight"}), options_(options) {}

void Asgd::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                  double learning_rate, const OptimizerGroup& group) {
    auto& average = state.tensors[0];
    double& rate = state.numbers[0];
    double& weight = state.numbers[1];
    if (!average.defined()) {
        average = torch::zeros_like(parameter);
        rate = learning_rate;
        weight = 1;
    }
    const auto direction = group.weight_decay == 0 ? gradient : gradient.add(parameter, group.weight_decay);
    parameter.mul_(1 - options_.decay * rate).add_(direction, -rate);
    if (weight == 1)
        average.copy_(parameter);
    else
        average.add_(parameter - average, weight);
    const auto steps = static_cast<double>(state.steps);
    rate = learning_rate / std::pow(1 + options_.decay * learning_rate * steps, options_.power);
    weight = 1 / std::max(1.0, steps - options_.average_from);
}

}  // namespace attune
