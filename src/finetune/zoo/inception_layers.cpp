#include "inception_layers.hpp"

#include <utility>

namespace attune::detail {
namespace {

constexpr Norm norm{.eps = 1e-3, .momentum = 0.1};

}  // namespace

NamedConvNorm::NamedConvNorm(const torch::nn::Conv2dOptions& options)
    : conv_(register_module("conv", make_conv(options))),
      norm_(register_module("bn", make_norm(options.out_channels(), norm))) {}

torch::Tensor NamedConvNorm::forward(torch::Tensor x) { return rectify(norm_->forward(conv_->forward(x))); }

std::shared_ptr<NamedConvNorm> named_conv(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                          std::int64_t stride, std::int64_t padding) {
    return std::make_shared<NamedConvNorm>(
        torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(padding).bias(false));
}

std::shared_ptr<NamedConvNorm> oblong_conv(std::int64_t in, std::int64_t out, std::int64_t high,
                                           std::int64_t wide) {
    return std::make_shared<NamedConvNorm>(torch::nn::Conv2dOptions(in, out, {high, wide})
                                               .padding(torch::ExpandingArray<2>({high / 2, wide / 2}))
                                               .bias(false));
}

void Branches::add_branch(std::vector<Named> blocks, Branch before) {
    for (const auto& [name, block] : blocks) register_module(name, block);
    add_branch([blocks = std::move(blocks), before = std::move(before)](const torch::Tensor& x) {
        auto y = before ? before(x) : x;
        for (const auto& [name, block] : blocks) y = block->forward(std::move(y));
        return y;
    });
}

torch::Tensor Branches::forward(torch::Tensor x) {
    std::vector<torch::Tensor> outputs;
    for (const auto& branch : branches_) outputs.push_back(branch(x));
    return torch::cat(outputs, 1);
}

}  // namespace attune::detail
