#include "mobile_block.hpp"

#include <string>
#include <utility>

namespace attune::detail {

MobileBlock::MobileBlock(const MobileBlockOptions& options)
    : block_(register_module("block", std::make_shared<Sequence>())),
      residual_(options.stride == 1 && options.in == options.out) {
    if (options.fused)
        add_fused(options);
    else
        add_separable(options);
    if (options.drops)
        depth_ =
            register_module("stochastic_depth", std::make_shared<StochasticDepth>(options.stochastic_depth));
}

void MobileBlock::add(std::shared_ptr<Block> block) {
    block_->add(std::to_string(next_++), std::move(block));
}

void MobileBlock::add_fused(const MobileBlockOptions& options) {
    const bool expands = options.expanded != options.in;
    add(conv_norm({.in = options.in,
                   .out = expands ? options.expanded : options.out,
                   .kernel = options.kernel,
                   .stride = options.stride,
                   .activation = options.activation,
                   .norm = options.norm}));
    if (expands) add(conv_norm({.in = options.expanded, .out = options.out, .norm = options.norm}));
}

void MobileBlock::add_separable(const MobileBlockOptions& options) {
    if (options.expanded != options.in)
        add(conv_norm({.in = options.in,
                       .out = options.expanded,
                       .activation = options.activation,
                       .norm = options.norm}));
    add(conv_norm({.in = options.expanded,
                   .out = options.expanded,
                   .kernel = options.kernel,
                   .stride = options.stride,
                   .groups = options.expanded,
                   .activation = options.activation,
                   .norm = options.norm}));
    if (options.squeezed > 0)
        add(std::make_shared<SqueezeExcitation>(options.expanded, options.squeezed,
                                                options.squeeze_activation, options.gate));
    add(conv_norm({.in = options.expanded, .out = options.out, .norm = options.norm}));
}

torch::Tensor MobileBlock::forward(torch::Tensor x) {
    auto y = block_->forward(x);
    if (!residual_) return y;
    if (depth_) y = depth_->forward(std::move(y));
    return y.add_(x);
}

}  // namespace attune::detail
