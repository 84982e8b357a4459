#include "attune/finetune/zoo/mobilenet_v1.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

// As TensorFlow's reference has it (slim's decay of 0.9997 is torch's momentum of 0.0003).
constexpr detail::Norm norm{.eps = 1e-3, .momentum = 0.0003};

/// A convolution by 3 x 3 with normalisation and rectification at 6.
struct Filter {
    torch::nn::Conv2d conv;
    BatchNorm2d norm;
    bool uneven;  ///< pads as TensorFlow does

    Filter(torch::nn::Module& parent, std::int64_t in, std::int64_t out, std::int64_t stride,
           std::int64_t groups, Padding padding)
        : conv(parent.register_module("0",
                                      detail::make_conv(torch::nn::Conv2dOptions(in, out, 3)
                                                            .stride(stride)
                                                            .padding(padding == Padding::symmetric ? 1 : 0)
                                                            .groups(groups)
                                                            .bias(false)))),
          norm(parent.register_module("1", detail::make_norm(out, attune::norm))),
          uneven(padding == Padding::tensorflow) {}

    torch::Tensor operator()(torch::Tensor x) {
        if (uneven) x = padded(x);
        return detail::activate(norm->forward(conv->forward(x)), detail::Activation::relu6);
    }

  private:
    /// Output sides are ceil(side / stride); what has to be added for that is halved, the odd pixel last.
    torch::Tensor padded(const torch::Tensor& x) const {
        const auto stride = conv->options.stride()->at(0);
        const auto missing = [&](std::int64_t side) {
            return std::max<std::int64_t>(((side + stride - 1) / stride - 1) * stride + 3 - side, 0);
        };
        const auto rows = missing(x.size(2));
        const auto columns = missing(x.size(3));
        return torch::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2});
    }
};

class FirstConvolution : public detail::Block {
  public:
    FirstConvolution(std::int64_t out, Padding padding) : filter_(*this, 3, out, 2, 1, padding) {}
    torch::Tensor forward(torch::Tensor x) override { return filter_(std::move(x)); }

  private:
    Filter filter_;
};

/// Filters by depth, then mixes by 1 x 1.
class Separable : public detail::Block {
  public:
    Separable(std::int64_t in, std::int64_t out, std::int64_t stride, Padding padding)
        : filter_(*this, in, in, stride, in, padding),
          mix_(register_module("3", detail::make_conv({.in = in, .out = out}))),
          norm_(register_module("4", detail::make_norm(out, norm))) {}

    torch::Tensor forward(torch::Tensor x) override {
        return detail::activate(norm_->forward(mix_->forward(filter_(std::move(x)))),
                                detail::Activation::relu6);
    }

  private:
    Filter filter_;
    torch::nn::Conv2d mix_;
    BatchNorm2d norm_;
};

class MobileNetV1 : public LinearHeadNetwork {
  public:
    MobileNetV1(double width, Padding padding, std::int64_t classes) {
        const auto scaled = [&](std::int64_t channels) {
            return std::max<std::int64_t>(8,
                                          static_cast<std::int64_t>(static_cast<double>(channels) * width));
        };
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        std::int64_t in = scaled(32);
        add(*features, std::make_shared<FirstConvolution>(in, padding));
        for (const auto& [channels, stride] : pairs) {
            add(*features, std::make_shared<Separable>(in, scaled(channels), stride, padding));
            in = scaled(channels);
        }
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        detail::initialise_kaiming_fan_out(*features);
        add_head("classifier.1", in, classes,
                 {.initialise = [](auto& head) { detail::initialise_normal(head, 0.01); },
                  .dropout = 0.001,  // that of the reference
                  .dropout_name = "0"});
    }

  private:
    void add(torch::nn::Module& features, const std::shared_ptr<detail::Block>& block) {
        const auto number = std::to_string(stages().size());
        features.register_module(number, block);
        add_stage("features." + number, [block](torch::Tensor x) { return block->forward(std::move(x)); });
    }

    struct Pair {
        std::int64_t channels, stride;
    };
    // Table 1 of the paper.
    static constexpr std::array<Pair, 13> pairs{{{64, 1},
                                                 {128, 2},
                                                 {128, 1},
                                                 {256, 2},
                                                 {256, 1},
                                                 {512, 2},
                                                 {512, 1},
                                                 {512, 1},
                                                 {512, 1},
                                                 {512, 1},
                                                 {512, 1},
                                                 {1024, 2},
                                                 {1024, 1}}};
};

}  // namespace

NetworkPtr mobilenet_v1(double width, Padding padding, std::int64_t classes) {
    if (width != 0.25 && width != 0.5 && width != 0.75 && width != 1.0)
        throw InvalidOption(
            fmt::format("width of MobileNetV1 is {}; it must be 0.25, 0.5, 0.75 or 1", width));
    return std::make_shared<MobileNetV1>(width, padding, classes);
}

}  // namespace attune
