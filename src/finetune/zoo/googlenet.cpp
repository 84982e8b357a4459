#include "attune/finetune/zoo/googlenet.hpp"

#include <torch/nn/modules/dropout.h>

#include <array>
#include <string>

#include "attune/finetune/zoo/staged_network.hpp"
#include "inception_layers.hpp"

namespace attune {
namespace {

using detail::named_conv;

/// Channels of an inception module: table 1 of the paper.
struct Widths {
    std::int64_t in, one, reduced3, three, reduced5, five, pooled;
    [[nodiscard]] std::int64_t out() const { return one + three + five + pooled; }
};

class Inception : public detail::Branches {
  public:
    explicit Inception(const Widths& widths) {
        add_branch({{"branch1", named_conv(widths.in, widths.one, 1)}});
        add_branch({{"branch2", pair(widths.in, widths.reduced3, widths.three)}});
        // By 3 x 3 where the paper has 5 x 5: the pretrained weights are so.
        add_branch({{"branch3", pair(widths.in, widths.reduced5, widths.five)}});
        auto pooled = std::make_shared<detail::Sequence>();
        pooled->then([](torch::Tensor x) { return torch::max_pool2d(x, 3, 1, 1); });
        pooled->add("1", named_conv(widths.in, widths.pooled, 1));
        add_branch({{"branch4", pooled}});
    }

  private:
    static std::shared_ptr<detail::Sequence> pair(std::int64_t in, std::int64_t reduced, std::int64_t out) {
        auto result = std::make_shared<detail::Sequence>();
        result->add("0", named_conv(in, reduced, 1));
        result->add("1", named_conv(reduced, out, 3, 1, 1));
        return result;
    }
};

void initialise(torch::nn::LinearImpl& linear) {
    linear.reset_parameters();  // torchvision leaves the biases to torch
    detail::truncated_normal(linear.weight, 0.01);
}

class GoogLeNet : public LinearHeadNetwork {
  public:
    explicit GoogLeNet(std::int64_t classes) {
        add_convolution("conv1", named_conv(3, 64, 7, 2, 3));
        pool(3);
        add_convolution("conv2", named_conv(64, 64, 1));
        add_convolution("conv3", named_conv(64, 192, 3, 1, 1));
        pool(3);
        add_inception("inception3a", {192, 64, 96, 128, 16, 32, 32});
        add_inception("inception3b", {256, 128, 128, 192, 32, 96, 64});
        pool(3);
        add_inception("inception4a", {480, 192, 96, 208, 16, 48, 64});
        const auto first = last_stage();
        add_inception("inception4b", {512, 160, 112, 224, 24, 64, 64});
        add_inception("inception4c", {512, 128, 128, 256, 24, 64, 64});
        add_inception("inception4d", {512, 112, 144, 288, 32, 64, 64});
        const auto second = last_stage();
        add_inception("inception4e", {528, 256, 160, 320, 32, 128, 128});
        pool(2);
        add_inception("inception5a", {832, 256, 160, 320, 32, 128, 128});
        add_inception("inception5b", {832, 384, 192, 384, 48, 128, 128});
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        add_auxiliary("aux1", first, 512, classes);
        add_auxiliary("aux2", second, 528, classes);
        detail::initialise_normal(*this, 0.01, /*truncated=*/true);
        if (detail::initialises())
            for (const auto& module : modules(/*include_self=*/false))
                if (auto* linear = module->as<torch::nn::Linear>()) initialise(*linear);
        add_head("fc", 1024, classes, {.initialise = initialise, .dropout = 0.2});
    }

  private:
    [[nodiscard]] std::size_t last_stage() const { return stages().size() - 1; }

    void add_convolution(const std::string& name, const std::shared_ptr<detail::Block>& block) {
        register_module(name, block);
        add_stage(name, [block](torch::Tensor x) { return block->forward(std::move(x)); });
    }

    void add_inception(const std::string& name, const Widths& widths) {
        add_convolution(name, std::make_shared<Inception>(widths));
    }

    void pool(std::int64_t kernel) {
        extend_last_stage(
            [kernel](torch::Tensor x) { return torch::max_pool2d(x, kernel, 2, 0, 1, /*ceil_mode=*/true); });
    }

    void add_auxiliary(const std::string& name, std::size_t stage, std::int64_t channels,
                       std::int64_t classes) {
        auto module = std::make_shared<torch::nn::Module>();
        auto conv = module->register_module("conv", named_conv(channels, 128, 1));
        auto linear = module->register_module("fc1", detail::make_linear(2048, 1024));
        auto dropout = module->register_module("dropout", torch::nn::Dropout(0.7));
        add_auxiliary_head({.name = name,
                            .layer = "fc2",
                            .stage = stage,
                            .module = module,
                            .run =
                                [conv, linear, dropout](torch::Tensor x) mutable {
                                    auto y = conv->forward(torch::adaptive_avg_pool2d(x, {4, 4})).flatten(1);
                                    return dropout->forward(detail::rectify(linear->forward(y)));
                                },
                            .features = 1024,
                            .loss_weight = 0.3,
                            .initialise = initialise},
                           classes);
    }
};

}  // namespace

NetworkPtr googlenet(std::int64_t classes) {
    auto network = std::make_shared<GoogLeNet>(classes);
    network->input.minimum_size = 15;
    return network;
}

}  // namespace attune
