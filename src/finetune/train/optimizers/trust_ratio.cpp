#include "attune/finetune/train/optimizers/trust_ratio.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace attune {
namespace {

double norm_of(const torch::Tensor& tensor) { return tensor.norm().item<double>(); }

}  // namespace

Lamb::Lamb(std::vector<OptimizerGroup> groups, LambOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"first_moment", "second_moment"}), options_(options) {}

void Lamb::begin_step() {
    divisor_ = 1;
    if (options_.largest_gradient_norm <= 0) return;
    double square = 0;
    for (const auto& group : groups())
        for (const auto& parameter : group.parameters)
            if (parameter.grad().defined()) square += std::pow(norm_of(parameter.grad()), 2);
    divisor_ = std::max(1.0, std::sqrt(square) / options_.largest_gradient_norm);
}

void Lamb::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                  double learning_rate, const OptimizerGroup& group) {
    auto& first = state.tensors[0];
    auto& second = state.tensors[1];
    if (!first.defined()) {
        first = torch::zeros_like(parameter);
        second = torch::zeros_like(parameter);
    }
    const auto bounded = divisor_ == 1 ? gradient : gradient / divisor_;
    const auto& betas = options_.betas;
    first.mul_(betas[0]).add_(bounded, 1 - betas[0]);
    second.mul_(betas[1]).addcmul_(bounded, bounded, 1 - betas[1]);
    const auto steps = static_cast<double>(state.steps);
    const auto divisor = (second.sqrt() / std::sqrt(1 - std::pow(betas[1], steps))).add_(options_.epsilon);
    auto direction = (first / (1 - std::pow(betas[0], steps))).div_(divisor);
    double trust = 1;
    if (group.weight_decay != 0) {
        direction.add_(parameter, group.weight_decay);
        const double weight_norm = norm_of(parameter);
        const double direction_norm = norm_of(direction);
        if (weight_norm > 0 && direction_norm > 0) trust = weight_norm / direction_norm;
        if (options_.clip_trust) trust = std::min(trust, 1.0);
    }
    parameter.add_(direction, -learning_rate * trust);
}

Lars::Lars(std::vector<OptimizerGroup> groups, LarsOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"momentum"}), options_(options) {}

void Lars::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                  double learning_rate, const OptimizerGroup& group) {
    auto direction = gradient;
    if (group.weight_decay != 0) {
        const double weight_norm = norm_of(parameter);
        const double gradient_norm = norm_of(gradient);
        double trust = 1;
        if (weight_norm > 0 && gradient_norm > 0)
            trust = options_.trust * weight_norm /
                    (gradient_norm + weight_norm * group.weight_decay + options_.epsilon);
        if (options_.clip_trust) trust = std::min(trust / learning_rate, 1.0);
        direction = gradient.add(parameter, group.weight_decay).mul_(trust);
    }
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

}  // namespace attune
