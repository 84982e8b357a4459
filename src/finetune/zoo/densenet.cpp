#include "attune/finetune/zoo/densenet.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

#include <array>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

/// Table 1 of the paper.
struct Version {
    std::int64_t growth;  ///< channels that each layer adds
    std::array<int, 4> layers;
    std::int64_t first;  ///< channels of the stem
};

Version version_of(int depth) {
    if (depth == 121) return {32, {6, 12, 24, 16}, 64};
    if (depth == 161) return {48, {6, 12, 36, 24}, 96};
    if (depth == 169) return {32, {6, 12, 32, 32}, 64};
    if (depth == 201) return {32, {6, 12, 48, 32}, 64};
    throw InvalidOption(fmt::format("depth of a DenseNet is {}; it must be 121, 161, 169 or 201", depth));
}

/// Normalise, rectify, squeeze to four times the growth by 1 x 1; again, filter by 3 x 3; behind what came
/// in.
class DenseLayer : public detail::Block {
  public:
    DenseLayer(std::int64_t in, std::int64_t growth)
        : norm1_(register_module("norm1", BatchNorm2d(in))),
          conv1_(register_module("conv1", detail::make_conv({.in = in, .out = 4 * growth}))),
          norm2_(register_module("norm2", BatchNorm2d(4 * growth))),
          conv2_(
              register_module("conv2", detail::make_conv({.in = 4 * growth, .out = growth, .kernel = 3}))) {}

    torch::Tensor forward(torch::Tensor x) override {
        auto y = conv1_->forward(detail::rectify(norm1_->forward(x)));
        y = conv2_->forward(detail::rectify(norm2_->forward(y)));
        return torch::cat({x, y}, 1);
    }

  private:
    BatchNorm2d norm1_;
    torch::nn::Conv2d conv1_;
    BatchNorm2d norm2_;
    torch::nn::Conv2d conv2_;
};

/// Half the channels, half the side.
class Transition : public detail::Block {
  public:
    explicit Transition(std::int64_t in)
        : norm_(register_module("norm", BatchNorm2d(in))),
          conv_(register_module("conv", detail::make_conv({.in = in, .out = in / 2}))) {}

    torch::Tensor forward(torch::Tensor x) override {
        return torch::avg_pool2d(conv_->forward(detail::rectify(norm_->forward(x))), 2, 2);
    }

  private:
    BatchNorm2d norm_;
    torch::nn::Conv2d conv_;
};

class DenseNet : public LinearHeadNetwork {
  public:
    DenseNet(const Version& version, std::int64_t classes) {
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        auto conv = features->register_module(
            "conv0", detail::make_conv({.in = 3, .out = version.first, .kernel = 7, .stride = 2}));
        auto norm = features->register_module("norm0", BatchNorm2d(version.first));
        add_stage("features.pool0",
                  [conv, norm](torch::Tensor x) mutable {
                      return torch::max_pool2d(detail::rectify(norm->forward(conv->forward(x))), 3, 2, 1);
                  },
                  {"features.conv0.", "features.norm0."});
        std::int64_t channels = version.first;
        for (std::size_t block = 0; block < version.layers.size(); ++block) {
            const auto number = std::to_string(block + 1);
            channels =
                add_block(*features, "denseblock" + number, version.layers[block], channels, version.growth);
            if (block + 1 == version.layers.size()) continue;
            const auto name = "transition" + number;
            auto transition = features->register_module(name, std::make_shared<Transition>(channels));
            add_stage("features." + name,
                      [transition](torch::Tensor x) { return transition->forward(std::move(x)); });
            channels /= 2;
        }
        auto last = features->register_module("norm5", BatchNorm2d(channels));
        add_stage("features.norm5", [last](torch::Tensor x) mutable {
            return detail::global_average(detail::rectify(last->forward(x)));
        });
        detail::initialise_kaiming_fan_in(*features);
        add_head("classifier", channels, classes, {.initialise = initialise_head});
    }

  private:
    std::int64_t add_block(torch::nn::Module& features, const std::string& name, int layers,
                           std::int64_t channels, std::int64_t growth) {
        auto block = features.register_module(name, std::make_shared<torch::nn::Module>());
        for (int i = 1; i <= layers; ++i) {
            const auto layer_name = "denselayer" + std::to_string(i);
            auto layer = block->register_module(layer_name, std::make_shared<DenseLayer>(channels, growth));
            add_stage("features." + name + "." + layer_name,
                      [layer](torch::Tensor x) { return layer->forward(std::move(x)); });
            channels += growth;
        }
        return channels;
    }

    static void initialise_head(torch::nn::LinearImpl& head) {
        head.reset_parameters();
        torch::nn::init::zeros_(head.bias);
    }
};

}  // namespace

NetworkPtr densenet(int depth, std::int64_t classes) {
    auto network = std::make_shared<DenseNet>(version_of(depth), classes);
    network->input.minimum_size = 29;
    return network;
}

}  // namespace attune
