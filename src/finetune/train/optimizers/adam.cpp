#include "attune/finetune/train/optimizers/adam.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_addcdiv.h>
#include <ATen/ops/_foreach_addcmul.h>
#include <ATen/ops/_foreach_div.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_sqrt.h>

#include <cmath>
#include <utility>

namespace attune {
namespace {

torch::Tensor decayed(const torch::Tensor& gradient, const torch::Tensor& parameter, double weight_decay) {
    return weight_decay == 0 ? gradient : gradient.add(parameter, weight_decay);
}

/// Running means of the gradient and its square.
void add_moments(ParameterState& state, const torch::Tensor& parameter, const torch::Tensor& gradient,
                 const std::array<double, 2>& betas) {
    auto& first = state.tensors[0];
    auto& second = state.tensors[1];
    if (!first.defined()) {
        first = torch::zeros_like(parameter);
        second = torch::zeros_like(parameter);
    }
    first.mul_(betas[0]).add_(gradient, 1 - betas[0]);
    second.mul_(betas[1]).addcmul_(gradient, gradient, 1 - betas[1]);
}

double correction(double beta, std::int64_t steps) { return 1 - std::pow(beta, static_cast<double>(steps)); }

}  // namespace

Adam::Adam(std::vector<OptimizerGroup> groups, AdamOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"first_moment", "second_moment", "largest_second_moment"}),
      options_(options) {}

void Adam::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                  double learning_rate, const OptimizerGroup& group) {
    if (options_.decoupled && group.weight_decay != 0) parameter.mul_(1 - learning_rate * group.weight_decay);
    add_moments(state, parameter,
                options_.decoupled ? gradient : decayed(gradient, parameter, group.weight_decay),
                options_.betas);
    auto second = state.tensors[1];
    if (options_.amsgrad) {
        auto& largest = state.tensors[2];
        largest = largest.defined() ? torch::max(largest, second) : second.clone();
        second = largest;
    }
    const auto divisor =
        (second.sqrt() / std::sqrt(correction(options_.betas[1], state.steps))).add_(options_.epsilon);
    parameter.addcdiv_(state.tensors[0], divisor,
                       -learning_rate / correction(options_.betas[0], state.steps));
}

bool Adam::update_together(const Members& members, double learning_rate, const OptimizerGroup& group) {
    if (options_.amsgrad) return false;
    auto direction = members.gradients;
    if (group.weight_decay != 0 && options_.decoupled)
        at::_foreach_mul_(members.parameters, 1 - learning_rate * group.weight_decay);
    if (group.weight_decay != 0 && !options_.decoupled)
        direction = at::_foreach_add(direction, members.parameters, group.weight_decay);
    const auto first = members.tensors(0);
    const auto second = members.tensors(1);
    at::_foreach_mul_(first, options_.betas[0]);
    at::_foreach_add_(first, direction, 1 - options_.betas[0]);
    at::_foreach_mul_(second, options_.betas[1]);
    at::_foreach_addcmul_(second, direction, direction, 1 - options_.betas[1]);
    const auto steps = members.states.front()->steps;
    const auto divisor = at::_foreach_sqrt(second);
    at::_foreach_div_(divisor, std::sqrt(correction(options_.betas[1], steps)));
    at::_foreach_add_(divisor, options_.epsilon);
    at::_foreach_addcdiv_(members.parameters, first, divisor,
                          -learning_rate / correction(options_.betas[0], steps));
    return true;
}

Adamax::Adamax(std::vector<OptimizerGroup> groups, AdamOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"first_moment", "largest"}), options_(options) {}

void Adamax::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                    double learning_rate, const OptimizerGroup& group) {
    auto& first = state.tensors[0];
    auto& largest = state.tensors[1];
    if (!first.defined()) {
        first = torch::zeros_like(parameter);
        largest = torch::zeros_like(parameter);
    }
    const auto direction = decayed(gradient, parameter, group.weight_decay);
    first.mul_(options_.betas[0]).add_(direction, 1 - options_.betas[0]);
    largest = torch::max(largest * options_.betas[1], direction.abs() + options_.epsilon);
    parameter.addcdiv_(first, largest, -learning_rate / correction(options_.betas[0], state.steps));
}

NAdam::NAdam(std::vector<OptimizerGroup> groups, AdamOptions options, double momentum_decay)
    : ParameterwiseOptimizer(std::move(groups), {"first_moment", "second_moment"}, {"momentum_product"}),
      options_(options),
      momentum_decay_(momentum_decay) {}

void NAdam::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                   double learning_rate, const OptimizerGroup& group) {
    const auto direction = decayed(gradient, parameter, group.weight_decay);
    add_moments(state, parameter, direction, options_.betas);
    const auto momentum_at = [&](std::int64_t step) {
        return options_.betas[0] * (1 - 0.5 * std::pow(0.96, static_cast<double>(step) * momentum_decay_));
    };
    const double momentum = momentum_at(state.steps);
    const double next = momentum_at(state.steps + 1);
    double& product = state.numbers[0];
    product = state.steps == 1 ? momentum : product * momentum;
    const auto divisor =
        (state.tensors[1] / correction(options_.betas[1], state.steps)).sqrt_().add_(options_.epsilon);
    parameter.addcdiv_(direction, divisor, -learning_rate * (1 - momentum) / (1 - product));
    parameter.addcdiv_(state.tensors[0], divisor, -learning_rate * next / (1 - product * next));
}

RAdam::RAdam(std::vector<OptimizerGroup> groups, AdamOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"first_moment", "second_moment"}), options_(options) {}

void RAdam::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                   double learning_rate, const OptimizerGroup& group) {
    add_moments(state, parameter, decayed(gradient, parameter, group.weight_decay), options_.betas);
    const auto steps = static_cast<double>(state.steps);
    const double second_correction = correction(options_.betas[1], state.steps);
    const double longest = 2 / (1 - options_.betas[1]) - 1;
    const double length = longest - 2 * steps * std::pow(options_.betas[1], steps) / second_correction;
    const double rate = learning_rate / correction(options_.betas[0], state.steps);
    if (length <= 5) {  // too few gradients to know their variance
        parameter.add_(state.tensors[0], -rate);
        return;
    }
    const double rectified =
        std::sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
    parameter.addcdiv_(state.tensors[0], state.tensors[1].sqrt().add_(options_.epsilon),
                       -rate * rectified * std::sqrt(second_correction));
}

}  // namespace attune
