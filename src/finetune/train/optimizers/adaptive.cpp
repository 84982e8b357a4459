#include "attune/finetune/train/optimizers/adaptive.hpp"

#include <utility>

namespace attune {
namespace {

torch::Tensor decayed(const torch::Tensor& gradient, const torch::Tensor& parameter, double weight_decay) {
    return weight_decay == 0 ? gradient : gradient.add(parameter, weight_decay);
}

}  // namespace

Adagrad::Adagrad(std::vector<OptimizerGroup> groups, AdagradOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"sum_of_squares"}), options_(options) {}

void Adagrad::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                     double learning_rate, const OptimizerGroup& group) {
    auto& sum = state.tensors[0];
    if (!sum.defined()) sum = torch::full_like(parameter, options_.initial_accumulator);
    const auto direction = decayed(gradient, parameter, group.weight_decay);
    sum.addcmul_(direction, direction, 1);
    const double rate =
        learning_rate / (1 + static_cast<double>(state.steps - 1) * options_.learning_rate_decay);
    parameter.addcdiv_(direction, sum.sqrt().add_(options_.epsilon), -rate);
}

Adadelta::Adadelta(std::vector<OptimizerGroup> groups, AdadeltaOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"mean_square", "mean_square_step"}), options_(options) {}

void Adadelta::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                      double learning_rate, const OptimizerGroup& group) {
    auto& square = state.tensors[0];
    auto& steps = state.tensors[1];
    if (!square.defined()) {
        square = torch::zeros_like(parameter);
        steps = torch::zeros_like(parameter);
    }
    const auto direction = decayed(gradient, parameter, group.weight_decay);
    square.mul_(options_.rho).addcmul_(direction, direction, 1 - options_.rho);
    const auto step =
        (steps + options_.epsilon).sqrt_().div_((square + options_.epsilon).sqrt_()).mul_(direction);
    steps.mul_(options_.rho).addcmul_(step, step, 1 - options_.rho);
    parameter.add_(step, -learning_rate);
}

RmsProp::RmsProp(std::vector<OptimizerGroup> groups, RmsPropOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"mean_square", "momentum", "mean"}), options_(options) {}

void RmsProp::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                     double learning_rate, const OptimizerGroup& group) {
    auto& square = state.tensors[0];
    auto& momentum = state.tensors[1];
    auto& mean = state.tensors[2];
    if (!square.defined()) square = torch::zeros_like(parameter);
    const auto direction = decayed(gradient, parameter, group.weight_decay);
    square.mul_(options_.alpha).addcmul_(direction, direction, 1 - options_.alpha);
    torch::Tensor divisor;
    if (options_.centered) {
        if (!mean.defined()) mean = torch::zeros_like(parameter);
        mean.mul_(options_.alpha).add_(direction, 1 - options_.alpha);
        divisor = square.addcmul(mean, mean, -1).sqrt_().add_(options_.epsilon);
    } else {
        divisor = square.sqrt().add_(options_.epsilon);
    }
    if (options_.momentum > 0) {
        if (!momentum.defined()) momentum = torch::zeros_like(parameter);
        momentum.mul_(options_.momentum).addcdiv_(direction, divisor);
        parameter.add_(momentum, -learning_rate);
    } else {
        parameter.addcdiv_(direction, divisor, -learning_rate);
    }
}

}  // namespace attune
