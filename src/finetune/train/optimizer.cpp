#include "attune/finetune/train/optimizer.hpp"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <cmath>
#include <utility>

#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"

namespace attune {
namespace {

using torch::optim::OptimizerParamGroup;

std::unique_ptr<torch::optim::OptimizerOptions> options_of(const Recipe& recipe,
                                                           const OptimizerGroup& group) {
    const std::tuple<double, double> betas{recipe.betas[0], recipe.betas[1]};
    switch (recipe.optimizer) {
        case OptimizerKind::sgd:
            return std::make_unique<torch::optim::SGDOptions>(torch::optim::SGDOptions(group.learning_rate)
                                                                  .momentum(recipe.momentum)
                                                                  .dampening(recipe.dampening)
                                                                  .nesterov(recipe.nesterov)
                                                                  .weight_decay(group.weight_decay));
        case OptimizerKind::adam:
            return std::make_unique<torch::optim::AdamOptions>(torch::optim::AdamOptions(group.learning_rate)
                                                                   .betas(betas)
                                                                   .eps(recipe.epsilon)
                                                                   .amsgrad(recipe.amsgrad)
                                                                   .weight_decay(group.weight_decay));
        case OptimizerKind::adamw:
            return std::make_unique<torch::optim::AdamWOptions>(
                torch::optim::AdamWOptions(group.learning_rate)
                    .betas(betas)
                    .eps(recipe.epsilon)
                    .amsgrad(recipe.amsgrad)
                    .weight_decay(group.weight_decay));
        case OptimizerKind::rmsprop:
            break;
    }
    return std::make_unique<torch::optim::RMSpropOptions>(torch::optim::RMSpropOptions(group.learning_rate)
                                                              .alpha(recipe.rmsprop_alpha)
                                                              .eps(recipe.epsilon)
                                                              .momentum(recipe.momentum)
                                                              .centered(recipe.rmsprop_centered)
                                                              .weight_decay(group.weight_decay));
}

OptimizerGroup matching(const ParameterGroup& group, bool one_dimensional) {
    OptimizerGroup result;
    for (const auto& parameter : group.parameters)
        if ((parameter.dim() <= 1) == one_dimensional) result.parameters.push_back(parameter);
    return result;
}

}  // namespace

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
            groups.push_back(std::move(part));
        }
    }
    return groups;
}

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const Recipe& recipe,
                                                        const std::vector<OptimizerGroup>& groups) {
    std::vector<OptimizerParamGroup> parts;
    for (const auto& group : groups) parts.emplace_back(group.parameters, options_of(recipe, group));
    switch (recipe.optimizer) {
        case OptimizerKind::sgd:
            return std::make_unique<torch::optim::SGD>(parts, torch::optim::SGDOptions(recipe.learning_rate));
        case OptimizerKind::adam:
            return std::make_unique<torch::optim::Adam>(parts, torch::optim::AdamOptions());
        case OptimizerKind::adamw:
            return std::make_unique<torch::optim::AdamW>(parts, torch::optim::AdamWOptions());
        case OptimizerKind::rmsprop:
            break;
    }
    return std::make_unique<torch::optim::RMSprop>(parts, torch::optim::RMSpropOptions());
}

void scale_learning_rates(torch::optim::Optimizer& optimizer, const std::vector<OptimizerGroup>& groups,
                          double factor) {
    for (std::size_t i = 0; i < groups.size(); ++i)
        optimizer.param_groups()[i].options().set_lr(groups[i].learning_rate * factor);
}

double clip_gradients(const std::vector<OptimizerGroup>& groups, double limit) {
    const torch::NoGradGuard no_gradients;
    double square = 0;
    for (const auto& group : groups)
        for (const auto& parameter : group.parameters)
            if (parameter.grad().defined()) square += std::pow(parameter.grad().norm().item<double>(), 2);
    const double norm = std::sqrt(square);
    const double factor = limit / (norm + 1e-6);  // torch's guard against a norm of 0
    if (factor >= 1) return norm;
    for (const auto& group : groups)
        for (const auto& parameter : group.parameters)
            if (parameter.grad().defined()) parameter.grad().mul_(factor);
    return norm;
}

WeightAverage::WeightAverage(std::vector<torch::Tensor> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {}

void WeightAverage::update() {
    const torch::NoGradGuard no_gradients;
    if (averages_.empty()) {
        for (const auto& parameter : parameters_) averages_.push_back(parameter.detach().clone());
        return;
    }
    for (std::size_t i = 0; i < parameters_.size(); ++i)
        averages_[i].mul_(decay_).add_(parameters_[i].detach(), 1 - decay_);
}

void WeightAverage::swap() {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < averages_.size(); ++i) {
        const auto kept = parameters_[i].detach().clone();
        parameters_[i].copy_(averages_[i]);
        averages_[i].copy_(kept);
    }
}

}  // namespace attune
