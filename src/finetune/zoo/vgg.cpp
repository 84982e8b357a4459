#include "attune/finetune/zoo/vgg.hpp"

#include <torch/nn/modules/dropout.h>

#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

/// Convolutions in each of the five groups between poolings (table 1 of the paper: A, B, D, E).
std::array<int, 5> convolutions_of(int depth) {
    if (depth == 11) return {1, 1, 2, 2, 2};
    if (depth == 13) return {2, 2, 2, 2, 2};
    if (depth == 16) return {2, 2, 3, 3, 3};
    if (depth == 19) return {2, 2, 4, 4, 4};
    throw InvalidOption(fmt::format("depth of a VGG is {}; it must be 11, 13, 16 or 19", depth));
}

constexpr std::array<std::int64_t, 5> widths{64, 128, 256, 512, 512};
constexpr std::int64_t side = 7;  ///< of the map that the linear layers see
constexpr std::int64_t hidden = 4096;

void initialise_linear(torch::nn::LinearImpl& linear) {
    if (detail::initialises()) detail::initialise_normal(linear, 0.01);
}

class Vgg : public LinearHeadNetwork {
  public:
    Vgg(const std::array<int, 5>& convolutions, bool batch_norm, std::int64_t classes) {
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        std::int64_t in = 3;
        int number = 0;
        for (std::size_t group = 0; group < convolutions.size(); ++group) {
            for (int i = 0; i < convolutions[group]; ++i) {
                number = add_convolution(*features, number, in, widths[group], batch_norm);
                in = widths[group];
            }
            extend_last_stage([](torch::Tensor x) { return torch::max_pool2d(x, 2, 2); });
            ++number;  // the pooling's
        }
        extend_last_stage([](torch::Tensor x) {
            return torch::adaptive_avg_pool2d(x, {side, side}).flatten(1);
        });
        detail::initialise_kaiming_fan_out(*features);
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        add_hidden(*classifier);
        add_head("classifier.6", hidden, classes,
                 {.initialise = initialise_linear, .dropout = 0.5, .dropout_name = "5"});
    }

  private:
    /// Returns the next free number of torchvision's sequence.
    int add_convolution(torch::nn::Module& features, int number, std::int64_t in, std::int64_t out,
                        bool batch_norm) {
        // Stages are called by their last module, the rectifier.
        const auto name = "features." + std::to_string(number + (batch_norm ? 2 : 1));
        std::vector<std::string> prefixes{"features." + std::to_string(number) + "."};
        auto conv = features.register_module(
            std::to_string(number++), detail::make_conv(torch::nn::Conv2dOptions(in, out, 3).padding(1)));
        if (!batch_norm) {
            add_stage(
                name, [conv](torch::Tensor x) mutable { return detail::rectify(conv->forward(x)); },
                prefixes);
            return number + 1;
        }
        const auto norm_name = std::to_string(number++);
        prefixes.push_back("features." + norm_name + ".");
        auto norm = features.register_module(norm_name, BatchNorm2d(out));
        add_stage(
            name,
            [conv, norm](torch::Tensor x) mutable {
                return detail::rectify(norm->forward(conv->forward(x)));
            },
            prefixes);
        return number + 1;
    }

    void add_hidden(torch::nn::Module& classifier) {
        auto first =
            classifier.register_module("0", detail::make_linear(widths.back() * side * side, hidden));
        add_stage("classifier.1",
                  [first](torch::Tensor x) mutable { return detail::rectify(first->forward(x)); },
                  {"classifier.0."});
        auto dropout = classifier.register_module("2", torch::nn::Dropout(0.5));
        auto second = classifier.register_module("3", detail::make_linear(hidden, hidden));
        add_stage("classifier.4",
                  [dropout, second](torch::Tensor x) mutable {
                      return detail::rectify(second->forward(dropout->forward(x)));
                  },
                  {"classifier.3."});
        initialise_linear(*first);
        initialise_linear(*second);
    }
};

}  // namespace

NetworkPtr vgg(int depth, bool batch_norm, std::int64_t classes) {
    return std::make_shared<Vgg>(convolutions_of(depth), batch_norm, classes);
}

}  // namespace attune
