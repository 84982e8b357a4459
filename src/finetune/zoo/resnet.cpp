#include "attune/finetune/zoo/resnet.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

using detail::Activation;
using detail::ConvNormChain;

/// A residual block: convolutions with normalisations, called conv1, bn1, conv2 ..., beside a shortcut.
class ResidualBlock : public detail::Block {
  public:
    ResidualBlock(const std::vector<detail::ConvSpec>& specs, std::int64_t stride) {
        const auto in = specs.front().in;
        const auto out = specs.back().out;
        if (stride != 1 || in != out)
            shortcut_ = std::make_shared<ConvNormChain>(
                std::vector<detail::ConvSpec>{{.in = in, .out = out, .stride = stride}});
        for (const auto& spec : specs) {
            const auto number = std::to_string(convs_.size() + 1);
            convs_.push_back(register_module("conv" + number, detail::make_conv(spec)));
            norms_.push_back(register_module("bn" + number, BatchNorm2d(spec.out)));
        }
        if (shortcut_) register_module("downsample", shortcut_);
    }

    torch::Tensor forward(torch::Tensor x) override {
        auto y = x;
        for (std::size_t i = 0; i < convs_.size(); ++i) {
            y = norms_[i]->forward(convs_[i]->forward(y));
            if (i + 1 < convs_.size()) y = detail::rectify(y);
        }
        return detail::rectify(y.add_(shortcut_ ? shortcut_->forward(std::move(x)) : x));
    }

  private:
    std::vector<torch::nn::Conv2d> convs_;
    std::vector<BatchNorm2d> norms_;
    std::shared_ptr<ConvNormChain> shortcut_;
};

class ResNet : public LinearHeadNetwork {
  public:
    ResNet(const ResNetOptions& options, std::int64_t classes) {
        auto conv =
            register_module("conv1", detail::make_conv({.in = 3, .out = 64, .kernel = 7, .stride = 2}));
        auto norm = register_module("bn1", BatchNorm2d(64));
        add_stage("stem",
                  [conv, norm](torch::Tensor x) mutable {
                      return torch::max_pool2d(detail::rectify(norm->forward(conv->forward(x))), 3, 2, 1);
                  },
                  {"conv1.", "bn1."});
        std::int64_t in = 64;
        for (std::size_t layer = 0; layer < options.blocks.size(); ++layer) {
            const auto planes = std::int64_t{64} << layer;
            const auto name = "layer" + std::to_string(layer + 1);
            auto container = register_module(name, std::make_shared<torch::nn::Module>());
            for (int i = 0; i < options.blocks[layer]; ++i) {
                const std::int64_t stride = i == 0 && layer > 0 ? 2 : 1;
                const auto specs = block_specs(options, in, planes, stride);
                auto block = container->register_module(std::to_string(i),
                                                        std::make_shared<ResidualBlock>(specs, stride));
                const bool last = layer + 1 == options.blocks.size() && i + 1 == options.blocks[layer];
                add_stage(name + "." + std::to_string(i), [block, last](torch::Tensor x) {
                    auto y = block->forward(std::move(x));
                    return last ? detail::global_average(y) : y;
                });
                in = specs.back().out;
            }
        }
        detail::initialise_kaiming_fan_out(*this);
        add_head("fc", in, classes, {});
    }

  private:
    static std::vector<detail::ConvSpec> block_specs(const ResNetOptions& options, std::int64_t in,
                                                     std::int64_t planes, std::int64_t stride) {
        if (!options.bottleneck)
            return {{.in = in, .out = planes, .kernel = 3, .stride = stride},
                    {.in = planes, .out = planes, .kernel = 3}};
        const auto width = planes * options.group_width / 64 * options.groups;
        return {{.in = in, .out = width},
                {.in = width, .out = width, .kernel = 3, .stride = stride, .groups = options.groups},
                {.in = width, .out = 4 * planes}};
    }
};

}  // namespace

void ResNetOptions::validate() const {
    for (const int count : blocks)
        if (count < 1)
            throw InvalidOption(fmt::format("blocks of a ResNet has {}; each layer needs at least 1", count));
    if (groups < 1)
        throw InvalidOption(fmt::format("groups of a ResNet is {}; it must be at least 1", groups));
    if (group_width < 1)
        throw InvalidOption(fmt::format("group_width of a ResNet is {}; it must be at least 1", group_width));
    if (!bottleneck && (groups != 1 || group_width != 64))
        throw InvalidOption(fmt::format(
            "groups is {} and group_width {}; a ResNet without bottlenecks has 1 group of width 64", groups,
            group_width));
}

NetworkPtr resnet(const ResNetOptions& options, std::int64_t classes) {
    options.validate();
    return std::make_shared<ResNet>(options, classes);
}

}  // namespace attune
