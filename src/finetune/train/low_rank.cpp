#include "low_rank.hpp"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "attune/error.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/matrix_holder.hpp"
#include "auxiliary_heads.hpp"

namespace attune::detail {
namespace {

constexpr std::uint64_t factor_purpose = 0x6c6f7261;

/// The weight that the layer computes with, or null for layers of other kinds.
torch::Tensor* weight_of(torch::nn::Module& module) {
    if (auto* holder = dynamic_cast<MatrixHolder*>(&module)) return &holder->matrix();
    if (auto* linear = module.as<torch::nn::Linear>()) return &linear->weight;
    if (auto* convolution = module.as<torch::nn::Conv2d>()) return &convolution->weight;
    return nullptr;
}

std::string name_of_weight(torch::nn::Module& module) {
    const auto* holder = dynamic_cast<MatrixHolder*>(&module);
    return holder == nullptr ? "weight" : holder->matrix_name();
}

torch::Tensor drawn(std::int64_t rows, std::int64_t columns, const torch::Tensor& like, RandomStream stream) {
    auto values = torch::empty({rows, columns}, torch::kFloat64);
    const double bound = 1 / std::sqrt(static_cast<double>(columns));
    auto* out = values.data_ptr<double>();
    for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = stream.uniform(-bound, bound);
    return values.to(like.options().requires_grad(false));
}

}  // namespace

LowRank::LowRank(Network& network, std::size_t first, std::int64_t rank, double alpha, std::uint64_t seed)
    : scale_(alpha > 0 ? alpha / static_cast<double>(rank) : 1) {
    const auto parameters = network.named_parameters();
    for (const auto& item : network.named_modules("", /*include_self=*/false)) {
        const auto* weight = weight_of(*item.value());
        const std::string name = item.key() + "." + name_of_weight(*item.value());
        if (weight == nullptr || !parameters.contains(name)) continue;
        const auto stage = stage_of(network, name);
        if (stage < first || stage >= network.stages().size() || is_auxiliary(network, name)) continue;
        const auto out = weight->size(0);
        const auto rest = weight->numel() / out;
        const auto inner = std::min({rank, out, rest});
        RandomStream stream{seed, factor_purpose, layers_.size()};
        layers_.push_back({name, stage, item.value(), parameters[name], drawn(inner, rest, *weight, stream),
                           torch::zeros({out, inner}, weight->options().requires_grad(false))});
    }
    if (layers_.empty())
        throw InvalidOption("recipe.lora_rank " + std::to_string(rank) +
                            " must be 0 where no stage with a linear or convolution layer trains");
}

LowRank::~LowRank() { put_back(); }

torch::Tensor LowRank::correction(const Layer& layer) const {
    return layer.up.matmul(layer.down).view(layer.weight.sizes()) * scale_;
}

void LowRank::apply() {
    for (auto& layer : layers_) *weight_of(*layer.module) = layer.weight.detach() + correction(layer);
}

void LowRank::merge() {
    const torch::NoGradGuard no_gradients;
    put_back();
    for (auto& layer : layers_) layer.weight.add_(correction(layer));
    layers_.clear();
}

void LowRank::put_back() noexcept {
    for (auto& layer : layers_) *weight_of(*layer.module) = layer.weight;
}

}  // namespace attune::detail
