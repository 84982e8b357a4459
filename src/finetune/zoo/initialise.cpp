#include "initialise.hpp"

#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>

namespace attune::detail {
namespace {

thread_local bool draws = true;

template <typename Conv, typename Linear>
void for_each_layer(torch::nn::Module& root, const Conv& conv, const Linear& linear) {
    if (!draws) return;
    torch::NoGradGuard no_grad;
    for (const auto& module : root.modules(/*include_self=*/false)) {
        if (auto* one = module->as<torch::nn::Conv2d>())
            conv(*one);
        else if (auto* layer = module->as<torch::nn::Linear>())
            linear(*layer);
    }
}

template <typename Layer>
void zero_bias(Layer& layer) {
    if (layer.bias.defined()) torch::nn::init::zeros_(layer.bias);
}

void initialise_kaiming(torch::nn::Module& root, torch::nn::init::FanModeType mode) {
    for_each_layer(
        root,
        [&](torch::nn::Conv2dImpl& conv) {
            torch::nn::init::kaiming_normal_(conv.weight, 0, mode, torch::kReLU);
            zero_bias(conv);
        },
        [](torch::nn::LinearImpl&) {});
}

}  // namespace

bool initialises() noexcept { return draws; }

WithoutInitialisation::WithoutInitialisation() noexcept : before_(draws) { draws = false; }
WithoutInitialisation::~WithoutInitialisation() { draws = before_; }

void initialise_kaiming_fan_out(torch::nn::Module& root) { initialise_kaiming(root, torch::kFanOut); }
void initialise_kaiming_fan_in(torch::nn::Module& root) { initialise_kaiming(root, torch::kFanIn); }

void initialise_as_torch(torch::nn::Module& root) {
    for_each_layer(
        root, [](torch::nn::Conv2dImpl& conv) { conv.reset_parameters(); },
        [](torch::nn::LinearImpl& linear) { linear.reset_parameters(); });
}

void initialise_normal(torch::nn::Module& root, double std, bool truncated) {
    const auto set = [&](auto& layer) {
        if (truncated)
            truncated_normal(layer.weight, std);
        else
            torch::nn::init::normal_(layer.weight, 0, std);
        zero_bias(layer);
    };
    for_each_layer(root, set, set);
}

void initialise_truncated(torch::nn::LinearImpl& layer, double std) {
    truncated_normal(layer.weight, std);
    zero_bias(layer);
}

void initialise_normal(torch::nn::LinearImpl& layer, double std) {
    torch::nn::init::normal_(layer.weight, 0, std);
    zero_bias(layer);
}

void truncated_normal(torch::Tensor tensor, double std) {
    if (!draws) return;
    torch::NoGradGuard no_grad;
    tensor.normal_(0, std);
    // Deviations of the networks here are so small that a second draw is a matter of theory.
    for (auto beyond = tensor.abs().gt_(2); beyond.any().item<bool>(); beyond = tensor.abs().gt_(2))
        tensor.copy_(
            torch::where(beyond.to(torch::kBool), torch::empty_like(tensor).normal_(0, std), tensor));
}

}  // namespace attune::detail
