#include "attune/finetune/zoo/cifar_resnet.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

#include <string>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

/// Two convolutions beside the identity; where the size changes, the shortcut takes every second pixel and
/// pads the channels with zeros on both sides (option A of the paper).
class PaddedBlock : public detail::Block {
  public:
    PaddedBlock(std::int64_t in, std::int64_t out)
        : conv1_(register_module(
              "conv1", detail::make_conv({.in = in, .out = out, .kernel = 3, .stride = in == out ? 1 : 2}))),
          bn1_(register_module("bn1", BatchNorm2d(out))),
          conv2_(register_module("conv2", detail::make_conv({.in = out, .out = out, .kernel = 3}))),
          bn2_(register_module("bn2", BatchNorm2d(out))),
          added_(out - in) {}

    torch::Tensor forward(torch::Tensor x) override {
        auto y = detail::rectify(bn1_->forward(conv1_->forward(x)));
        y = bn2_->forward(conv2_->forward(y));
        if (added_ > 0) {
            const auto every_second = x.slice(2, 0, x.size(2), 2).slice(3, 0, x.size(3), 2);
            x = torch::constant_pad_nd(every_second, {0, 0, 0, 0, added_ / 2, added_ / 2});
        }
        return detail::rectify(y.add_(x));
    }

  private:
    torch::nn::Conv2d conv1_;
    BatchNorm2d bn1_;
    torch::nn::Conv2d conv2_;
    BatchNorm2d bn2_;
    std::int64_t added_;
};

class CifarResNet : public LinearHeadNetwork {
  public:
    CifarResNet(int blocks, std::int64_t classes) {
        auto conv = register_module("conv1", detail::make_conv({.in = 3, .out = 16, .kernel = 3}));
        auto norm = register_module("bn1", BatchNorm2d(16));
        add_stage("stem",
                  [conv, norm](torch::Tensor x) mutable {
                      return detail::rectify(norm->forward(conv->forward(x)));
                  },
                  {"conv1.", "bn1."});
        std::int64_t in = 16;
        for (int layer = 0; layer < 3; ++layer) {
            const auto out = std::int64_t{16} << layer;
            const auto name = "layer" + std::to_string(layer + 1);
            auto container = register_module(name, std::make_shared<torch::nn::Module>());
            for (int i = 0; i < blocks; ++i) {
                auto block =
                    container->register_module(std::to_string(i), std::make_shared<PaddedBlock>(in, out));
                const bool last = layer == 2 && i + 1 == blocks;
                add_stage(name + "." + std::to_string(i), [block, last](torch::Tensor x) {
                    auto y = block->forward(std::move(x));
                    return last ? detail::global_average(y) : y;
                });
                in = out;
            }
        }
        detail::initialise_kaiming_fan_in(*this);
        add_head("linear", in, classes, {.initialise = initialise_head});
    }

  private:
    // akamaster's leaves the bias to torch.
    static void initialise_head(torch::nn::LinearImpl& head) {
        head.reset_parameters();
        torch::nn::init::kaiming_normal_(head.weight);
    }
};

}  // namespace

NetworkPtr cifar_resnet(int depth, std::int64_t classes) {
    if (depth < 8 || depth % 6 != 2)
        throw InvalidOption(
            fmt::format("depth of a ResNet for 32 x 32 pixels is {}; it must be 6 n + 2, such as 20", depth));
    return std::make_shared<CifarResNet>((depth - 2) / 6, classes);
}

}  // namespace attune
