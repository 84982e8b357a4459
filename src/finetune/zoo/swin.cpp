#include "attune/finetune/zoo/swin.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "swin_layers.hpp"

namespace attune {
namespace {

class Swin : public LinearHeadNetwork {
  public:
    Swin(const SwinOptions& options, std::int64_t classes) {
        features_ = register_module("features", std::make_shared<torch::nn::Module>());
        add_embedding(options.width);
        const int all = std::accumulate(options.blocks.begin(), options.blocks.end(), 0);
        int number = 1;
        int count = 0;
        std::int64_t width = options.width;
        for (std::size_t i = 0; i < options.blocks.size(); ++i) {
            auto group =
                features_->register_module(std::to_string(number), std::make_shared<torch::nn::Module>());
            for (int j = 0; j < options.blocks[i]; ++j, ++count) {
                const auto block = group->register_module(
                    std::to_string(j),
                    std::make_shared<detail::SwinBlock>(detail::SwinBlockOptions{
                        .version = options.version,
                        .width = width,
                        .heads = options.heads[i],
                        .window = options.window,
                        .shift = j % 2 == 0 ? 0 : options.window / 2,
                        .stochastic_depth = all == 1 ? 0 : options.stochastic_depth * count / (all - 1)}));
                add_stage(fmt::format("features.{}.{}", number, j),
                          [block](torch::Tensor x) { return block->forward(std::move(x)); });
            }
            ++number;
            if (i + 1 < options.blocks.size()) {
                const auto merging = features_->register_module(
                    std::to_string(number), std::make_shared<detail::PatchMerging>(width, options.version));
                add_stage("features." + std::to_string(number++),
                          [merging](torch::Tensor x) { return merging->forward(std::move(x)); });
                width *= 2;
            }
        }
        auto norm = register_module("norm", detail::make_layer_norm(width, detail::swin_eps));
        extend_last_stage([norm](torch::Tensor x) mutable { return norm->forward(x).mean({1, 2}); });
        extend_last_stage("norm.");
        detail::initialise_normal(*this, 0.02, /*truncated=*/true);
        if (detail::initialises()) {
            // The first convolution is left to torch.
            for (const auto& module : modules(/*include_self=*/false))
                if (auto* conv = module->as<torch::nn::Conv2d>()) conv->reset_parameters();
        }
        add_head("head", width, classes,
                 {.initialise = [](auto& head) { detail::initialise_truncated(head, 0.02); }});
    }

  private:
    void add_embedding(std::int64_t width) {
        auto embedding = features_->register_module("0", std::make_shared<torch::nn::Module>());
        auto conv = embedding->register_module(
            "0", detail::make_conv(torch::nn::Conv2dOptions(3, width, 4).stride(4)));
        auto norm = embedding->register_module("2", detail::make_layer_norm(width, detail::swin_eps));
        add_stage("features.0", [conv, norm](torch::Tensor x) mutable {
            return norm->forward(conv->forward(x).permute({0, 2, 3, 1}));
        });
    }

    std::shared_ptr<torch::nn::Module> features_;
};

}  // namespace

void SwinOptions::validate() const {
    if (version != 1 && version != 2)
        throw InvalidOption(fmt::format("version of a Swin transformer is {}; it must be 1 or 2", version));
    if (width < 1 || window < 2)
        throw InvalidOption(fmt::format(
            "width is {} and window {}; a Swin transformer needs at least 1 and 2", width, window));
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (blocks[i] < 1)
            throw InvalidOption(
                fmt::format("blocks of a Swin transformer has {}; each must be at least 1", blocks[i]));
        if (heads[i] < 1 || (width << i) % heads[i] != 0)
            throw InvalidOption(fmt::format("heads of a Swin transformer has {}; it must divide the width {}",
                                            heads[i], width << i));
    }
    if (!(stochastic_depth >= 0 && stochastic_depth < 1))
        throw InvalidOption(fmt::format("stochastic_depth of a Swin transformer is {}; it must lie in [0, 1)",
                                        stochastic_depth));
}

NetworkPtr swin(const SwinOptions& options, std::int64_t classes) {
    options.validate();
    return std::make_shared<Swin>(options, classes);
}

}  // namespace attune
