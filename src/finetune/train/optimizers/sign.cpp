#include "attune/finetune/train/optimizers/sign.hpp"

#include <utility>

namespace attune {

Lion::Lion(std::vector<OptimizerGroup> groups, std::array<double, 2> betas)
    : ParameterwiseOptimizer(std::move(groups), {"momentum"}), betas_(betas) {}

void Lion::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                  double learning_rate, const OptimizerGroup& group) {
    auto& momentum = state.tensors[0];
    if (!momentum.defined()) momentum = torch::zeros_like(parameter);
    if (group.weight_decay != 0) parameter.mul_(1 - learning_rate * group.weight_decay);
    parameter.add_((momentum * betas_[0]).add_(gradient, 1 - betas_[0]).sign_(), -learning_rate);
    momentum.mul_(betas_[1]).add_(gradient, 1 - betas_[1]);
}

Rprop::Rprop(std::vector<OptimizerGroup> groups, RpropOptions options)
    : ParameterwiseOptimizer(std::move(groups), {"previous_gradient", "step_size"}), options_(options) {}

void Rprop::update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                   double learning_rate, const OptimizerGroup&) {
    auto& previous = state.tensors[0];
    auto& size = state.tensors[1];
    if (!previous.defined()) {
        previous = torch::zeros_like(parameter);
        size = torch::full_like(parameter, learning_rate);
    }
    const auto agreement = (gradient * previous).sign_();
    const auto turned = agreement < 0;
    const auto factor = torch::ones_like(parameter)
                            .masked_fill_(agreement > 0, options_.grow)
                            .masked_fill_(turned, options_.shrink);
    size = (size * factor).clamp_(options_.smallest, options_.largest);
    // After a turn one step is skipped, and the next one is taken as the first.
    const auto direction = gradient.masked_fill(turned, 0);
    parameter.addcmul_(direction.sign(), size, -1);
    previous = direction;
}

}  // namespace attune
