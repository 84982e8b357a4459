#include "head_bank.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "dropout_mask.hpp"

namespace attune::detail {
namespace {

constexpr std::uint64_t dropout_purpose = 0x64726f70;

torch::Tensor as_column(const std::vector<double>& values) {
    return torch::tensor(values, torch::kFloat64).to(torch::kFloat32).view({-1, 1, 1});
}

template <typename Test>
bool any(const std::vector<const Recipe*>& recipes, const Test& test) {
    return std::ranges::any_of(recipes, [&](const Recipe* recipe) { return test(*recipe); });
}

}  // namespace

HeadBank::HeadBank(std::vector<torch::Tensor> weights, std::vector<torch::Tensor> biases,
                   std::span<const Recipe> recipes)
    : weight_(torch::stack(weights)), bias_(torch::stack(biases).unsqueeze(1)) {
    for (const auto& recipe : recipes) {
        recipes_.push_back(&recipe);
        dropout_.push_back(RandomStream{recipe.seed, dropout_purpose});
    }
}

torch::Tensor HeadBank::column(double (*of)(const Recipe&)) const {
    std::vector<double> values;
    for (const auto* recipe : recipes_) values.push_back(of(*recipe));
    return as_column(values);
}

/// Features as each head sees them (T x B x F), or the features themselves where no head drops any.
torch::Tensor HeadBank::dropped(const torch::Tensor& features) {
    if (!any(recipes_, [](const Recipe& recipe) { return recipe.head_dropout > 0; })) return features;
    std::vector<torch::Tensor> seen;
    for (std::size_t t = 0; t < recipes_.size(); ++t) {
        const double kept = 1 - recipes_[t]->head_dropout;
        seen.push_back(kept < 1 ? features * dropout_mask(features, kept, dropout_[t]) : features);
    }
    return torch::stack(seen);
}

std::vector<double> HeadBank::update(const torch::Tensor& features, const torch::Tensor& labels,
                                     const std::vector<double>& rates, const std::vector<double>& momenta) {
    const torch::NoGradGuard no_gradients;
    const auto heads = weight_.size(0);
    const auto classes = weight_.size(1);
    const auto count = static_cast<double>(features.size(0));
    const auto x = dropped(features);
    const bool shared = x.dim() == 2;
    // Heads that see the same features are one matrix product.
    const auto logits =
        (shared ? x.matmul(weight_.flatten(0, 1).t()).view({-1, heads, classes}).transpose(0, 1)
                : torch::bmm(x, weight_.transpose(1, 2))) +
        bias_;
    const auto logs = torch::log_softmax(logits, 2);
    const auto smoothing = column([](const Recipe& recipe) { return recipe.label_smoothing; });
    const auto targets = torch::one_hot(labels, classes).to(torch::kFloat32).unsqueeze(0) * (1 - smoothing) +
                         smoothing / static_cast<double>(classes);
    const auto losses = -(targets * logs).sum(2).mean(1).to(torch::kFloat64).contiguous();
    const auto slope = (logs.exp() - targets) / count;  // T x B x C
    auto weight_gradient = shared ? slope.transpose(0, 1).flatten(1).t().matmul(x).view(weight_.sizes())
                                  : torch::bmm(slope.transpose(1, 2), x);
    auto bias_gradient = slope.sum(1, /*keepdim=*/true);
    clip(weight_gradient, bias_gradient);
    ++steps_;
    const auto rate = as_column(rates);
    const auto momentum = as_column(momenta);
    const auto decay = column([](const Recipe& recipe) { return recipe.weight_decay; });
    const auto bias_decay =
        column([](const Recipe& recipe) { return recipe.decay_biases_and_norms ? recipe.weight_decay : 0; });
    move(weight_, weight_gradient, first_.weight, second_.weight, decay, rate, momentum);
    move(bias_, bias_gradient, first_.bias, second_.bias, bias_decay, rate, momentum);
    if (any(recipes_, [](const Recipe& recipe) { return recipe.ema_decay > 0; })) {
        const auto kept = column([](const Recipe& recipe) { return recipe.ema_decay; });
        const auto average = [&](torch::Tensor& mean, const torch::Tensor& now) {
            mean = mean.defined() ? mean * kept + now * (1 - kept) : now.clone();
        };
        average(average_weight_, weight_);
        average(average_bias_, bias_);
    }
    const auto* begin = losses.data_ptr<double>();
    return {begin, begin + losses.numel()};
}

void HeadBank::clip(torch::Tensor& weight_gradient, torch::Tensor& bias_gradient) const {
    if (!any(recipes_, [](const Recipe& recipe) { return recipe.gradient_clip_norm > 0; })) return;
    const auto norm =
        (weight_gradient.square().sum({1, 2}, true) + bias_gradient.square().sum({1, 2}, true)).sqrt();
    auto limit = column([](const Recipe& recipe) { return recipe.gradient_clip_norm; });
    limit = limit.masked_fill(limit == 0, std::numeric_limits<float>::infinity());
    const auto factor = (limit / (norm + 1e-6)).clamp_max(1);
    weight_gradient = weight_gradient * factor;
    bias_gradient = bias_gradient * factor;
}

void HeadBank::move(torch::Tensor& parameter, torch::Tensor gradient, torch::Tensor& first,
                    torch::Tensor& second, const torch::Tensor& decay, const torch::Tensor& rates,
                    const torch::Tensor& momenta) {
    const auto& recipe = *recipes_.front();
    const bool begins = !first.defined();
    if (recipe.optimizer == OptimizerKind::adamw)
        parameter.mul_(1 - rates * decay);
    else
        gradient = gradient + parameter * decay;
    if (recipe.optimizer == OptimizerKind::sgd) {
        const auto dampening = column([](const Recipe& r) { return r.dampening; });
        first = begins ? gradient.clone() : first * momenta + gradient * (1 - dampening);
        const auto direction = recipe.nesterov ? gradient + first * momenta : first;
        // Without momentum there is no memory either.
        parameter.sub_(rates * torch::where(momenta > 0, direction, gradient));
        return;
    }
    if (begins) {
        first = torch::zeros_like(parameter);
        second = torch::zeros_like(parameter);
    }
    const auto beta = column([](const Recipe& r) { return r.betas[1]; });
    const auto steps = static_cast<double>(steps_);
    first = first * momenta + gradient * (1 - momenta);
    second = second * beta + gradient.square() * (1 - beta);
    const auto epsilon = column([](const Recipe& r) { return r.epsilon; });
    const auto divisor = (second / (1 - beta.pow(steps))).sqrt_() + epsilon;
    parameter.sub_(rates / (1 - momenta.pow(steps)) * first / divisor);
}

torch::Tensor HeadBank::judged_weight(std::size_t head) const {
    const auto t = static_cast<std::int64_t>(head);
    return (recipes_[head]->ema_decay > 0 && average_weight_.defined() ? average_weight_ : weight_)[t];
}

torch::Tensor HeadBank::judged_bias(std::size_t head) const {
    const auto t = static_cast<std::int64_t>(head);
    return (recipes_[head]->ema_decay > 0 && average_bias_.defined() ? average_bias_ : bias_)[t][0];
}

torch::Tensor HeadBank::judged_logits(const torch::Tensor& features) const {
    const torch::NoGradGuard no_gradients;
    std::vector<torch::Tensor> weights;
    std::vector<torch::Tensor> biases;
    for (std::size_t t = 0; t < recipes_.size(); ++t) {
        weights.push_back(judged_weight(t));
        biases.push_back(judged_bias(t));
    }
    const auto heads = std::ssize(weights);
    return (features.matmul(torch::cat(weights).t()) + torch::cat(biases))
        .view({features.size(0), heads, -1})
        .transpose(0, 1);
}

void HeadBank::keep(const std::vector<std::int64_t>& places) {
    const auto index = torch::tensor(places, torch::kInt64);
    for (auto* tensor : {&weight_, &bias_, &first_.weight, &first_.bias, &second_.weight, &second_.bias,
                         &average_weight_, &average_bias_})
        if (tensor->defined()) *tensor = tensor->index_select(0, index);
    std::vector<const Recipe*> recipes;
    std::vector<RandomStream> dropout;
    for (const auto place : places) {
        recipes.push_back(recipes_[static_cast<std::size_t>(place)]);
        dropout.push_back(dropout_[static_cast<std::size_t>(place)]);
    }
    recipes_ = std::move(recipes);
    dropout_ = std::move(dropout);
}

}  // namespace attune::detail
