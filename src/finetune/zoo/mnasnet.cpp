#include "attune/finetune/zoo/mnasnet.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

using detail::Activation;

// The paper's decay of 0.9997, in torch's terms.
constexpr detail::Norm norm{.eps = 1e-5, .momentum = 1 - 0.9997};

class InvertedResidual : public detail::Block {
  public:
    InvertedResidual(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                     std::int64_t expansion)
        : residual_(stride == 1 && in == out) {
        const auto wide = in * expansion;
        layers_ = register_module("layers",
                                  std::make_shared<detail::ConvNormChain>(std::vector<detail::ConvSpec>{
                                      {.in = in, .out = wide, .activation = Activation::relu, .norm = norm},
                                      {.in = wide,
                                       .out = wide,
                                       .kernel = kernel,
                                       .stride = stride,
                                       .groups = wide,
                                       .activation = Activation::relu,
                                       .norm = norm},
                                      {.in = wide, .out = out, .norm = norm}}));
    }

    torch::Tensor forward(torch::Tensor x) override {
        auto y = layers_->forward(x);
        return residual_ ? y.add_(x) : y;
    }

  private:
    bool residual_;
    std::shared_ptr<detail::ConvNormChain> layers_;
};

class MnasNet : public LinearHeadNetwork {
  public:
    MnasNet(double width, std::int64_t classes) {
        const auto scaled = [&](std::int64_t channels) {
            return detail::multiple_of_8(static_cast<double>(channels) * width);
        };
        layers_ = register_module("layers", std::make_shared<torch::nn::Module>());
        const auto first = scaled(32);
        std::int64_t in = scaled(16);
        add_convolution(0, {.in = 3, .out = first, .kernel = 3, .stride = 2, .norm = norm}, true);
        add_convolution(3, {.in = first, .out = first, .kernel = 3, .groups = first, .norm = norm}, true);
        add_convolution(6, {.in = first, .out = in, .norm = norm}, false);
        int number = 8;
        for (const auto& row : rows) {
            auto stack =
                layers_->register_module(std::to_string(number), std::make_shared<torch::nn::Module>());
            for (int i = 0; i < row.layers; ++i) {
                const auto block = stack->register_module(
                    std::to_string(i),
                    std::make_shared<InvertedResidual>(in, scaled(row.channels), row.kernel,
                                                       i == 0 ? row.stride : 1, row.expansion));
                add_stage(fmt::format("layers.{}.{}", number, i),
                          [block](torch::Tensor x) { return block->forward(std::move(x)); });
                in = scaled(row.channels);
            }
            ++number;
        }
        add_convolution(number, {.in = in, .out = 1280, .norm = norm}, true);
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        detail::initialise_kaiming_fan_out(*layers_);
        add_head("classifier.1", 1280, classes,
                 {.initialise = initialise_head, .dropout = 0.2, .dropout_name = "0"});
    }

  private:
    void add_convolution(int number, const detail::ConvSpec& spec, bool rectified) {
        const auto conv_name = std::to_string(number);
        const auto norm_name = std::to_string(number + 1);
        auto conv = layers_->register_module(conv_name, detail::make_conv(spec));
        auto normalise = layers_->register_module(norm_name, detail::make_norm(spec.out, spec.norm));
        add_stage(fmt::format("layers.{}", number + (rectified ? 2 : 1)),
                  [conv, normalise, rectified](torch::Tensor x) mutable {
                      auto y = normalise->forward(conv->forward(x));
                      return rectified ? detail::rectify(y) : y;
                  },
                  {"layers." + conv_name + ".", "layers." + norm_name + "."});
    }

    struct Row {
        std::int64_t channels, kernel, stride, expansion;
        int layers;
    };
    // Figure 7 of the paper.
    static constexpr std::array<Row, 6> rows{{{24, 3, 2, 3, 3},
                                              {40, 5, 2, 3, 3},
                                              {80, 5, 2, 6, 3},
                                              {96, 3, 1, 6, 2},
                                              {192, 5, 2, 6, 4},
                                              {320, 3, 1, 6, 1}}};

    static void initialise_head(torch::nn::LinearImpl& head) {
        torch::nn::init::kaiming_uniform_(head.weight, 0, torch::kFanOut, torch::kSigmoid);
        torch::nn::init::zeros_(head.bias);
    }

    std::shared_ptr<torch::nn::Module> layers_;
};

}  // namespace

NetworkPtr mnasnet(double width, std::int64_t classes) {
    if (!(width > 0 && width <= 100))
        throw InvalidOption(fmt::format("width of MNASNet is {}; it must be above 0", width));
    return std::make_shared<MnasNet>(width, classes);
}

}  // namespace attune
