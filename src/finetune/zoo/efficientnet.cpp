#include "attune/finetune/zoo/efficientnet.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "mobile_block.hpp"

namespace attune {
namespace {

using detail::Activation;

/// A row of table 1 (B0) or 4 (V2) of the papers: `layers` blocks, the first of which has the stride.
struct Row {
    bool fused;
    double expansion;
    std::int64_t kernel, stride, in, out;
    int layers;
};

struct Version {
    std::vector<Row> rows;
    std::int64_t last = 0;  ///< channels of the last convolution
    double dropout = 0.2;
    detail::Norm norm{};
};

constexpr double stochastic_depth = 0.2;

Version version_b(int number) {
    struct Scale {
        double width, depth, dropout;
    };
    constexpr std::array<Scale, 8> scales{{{1.0, 1.0, 0.2},
                                           {1.0, 1.1, 0.2},
                                           {1.1, 1.2, 0.3},
                                           {1.2, 1.4, 0.3},
                                           {1.4, 1.8, 0.4},
                                           {1.6, 2.2, 0.4},
                                           {1.8, 2.6, 0.5},
                                           {2.0, 3.1, 0.5}}};
    if (number < 0 || number >= static_cast<int>(scales.size()))
        throw InvalidOption(fmt::format("number of an EfficientNet B is {}; it must be 0 to 7", number));
    const auto& scale = scales[static_cast<std::size_t>(number)];
    Version version{{{false, 1, 3, 1, 32, 16, 1},
                     {false, 6, 3, 2, 16, 24, 2},
                     {false, 6, 5, 2, 24, 40, 2},
                     {false, 6, 3, 2, 40, 80, 3},
                     {false, 6, 5, 1, 80, 112, 3},
                     {false, 6, 5, 2, 112, 192, 4},
                     {false, 6, 3, 1, 192, 320, 1}},
                    0,
                    scale.dropout,
                    {}};
    for (auto& row : version.rows) {
        row.in = detail::multiple_of_8(static_cast<double>(row.in) * scale.width);
        row.out = detail::multiple_of_8(static_cast<double>(row.out) * scale.width);
        row.layers = static_cast<int>(std::ceil(row.layers * scale.depth));
    }
    version.last = 4 * version.rows.back().out;
    // The weights of the larger ones come from TensorFlow, with its constants.
    if (number >= 5) version.norm = {.eps = 1e-3, .momentum = 0.01};
    return version;
}

Version version_2(char size) {
    constexpr detail::Norm norm{.eps = 1e-3, .momentum = 0.1};
    switch (size) {
        case 's':
            return {{{true, 1, 3, 1, 24, 24, 2},
                     {true, 4, 3, 2, 24, 48, 4},
                     {true, 4, 3, 2, 48, 64, 4},
                     {false, 4, 3, 2, 64, 128, 6},
                     {false, 6, 3, 1, 128, 160, 9},
                     {false, 6, 3, 2, 160, 256, 15}},
                    1280,
                    0.2,
                    norm};
        case 'm':
            return {{{true, 1, 3, 1, 24, 24, 3},
                     {true, 4, 3, 2, 24, 48, 5},
                     {true, 4, 3, 2, 48, 80, 5},
                     {false, 4, 3, 2, 80, 160, 7},
                     {false, 6, 3, 1, 160, 176, 14},
                     {false, 6, 3, 2, 176, 304, 18},
                     {false, 6, 3, 1, 304, 512, 5}},
                    1280,
                    0.3,
                    norm};
        case 'l':
            return {{{true, 1, 3, 1, 32, 32, 4},
                     {true, 4, 3, 2, 32, 64, 7},
                     {true, 4, 3, 2, 64, 96, 7},
                     {false, 4, 3, 2, 96, 192, 10},
                     {false, 6, 3, 1, 192, 224, 19},
                     {false, 6, 3, 2, 224, 384, 25},
                     {false, 6, 3, 1, 384, 640, 7}},
                    1280,
                    0.4,
                    norm};
        default:
            throw InvalidOption(
                fmt::format("size of an EfficientNetV2 is '{}'; it must be 's', 'm' or 'l'", size));
    }
}

class EfficientNet : public LinearHeadNetwork {
  public:
    EfficientNet(const Version& version, std::int64_t classes) {
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        add_convolution(*features, 0,
                        {.in = 3,
                         .out = version.rows.front().in,
                         .kernel = 3,
                         .stride = 2,
                         .activation = Activation::silu,
                         .norm = version.norm});
        int blocks = 0;
        for (const auto& row : version.rows) blocks += row.layers;
        int number = 1;
        int block = 0;
        for (const auto& row : version.rows) {
            auto group =
                features->register_module(std::to_string(number), std::make_shared<torch::nn::Module>());
            for (int i = 0; i < row.layers; ++i, ++block)
                add_block(*group, number, i, row, version.norm, stochastic_depth * block / blocks);
            ++number;
        }
        add_convolution(*features, number,
                        {.in = version.rows.back().out,
                         .out = version.last,
                         .activation = Activation::silu,
                         .norm = version.norm});
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        detail::initialise_kaiming_fan_out(*features);
        add_head("classifier.1", version.last, classes,
                 {.initialise = initialise_head, .dropout = version.dropout, .dropout_name = "0"});
    }

  private:
    void add_convolution(torch::nn::Module& features, int number, const detail::ConvSpec& spec) {
        auto conv = features.register_module(std::to_string(number), detail::conv_norm(spec));
        add_stage("features." + std::to_string(number),
                  [conv](torch::Tensor x) { return conv->forward(std::move(x)); });
    }

    void add_block(torch::nn::Module& group, int number, int i, const Row& row, const detail::Norm& norm,
                   double drop) {
        const auto in = i == 0 ? row.in : row.out;
        const auto block = group.register_module(
            std::to_string(i), std::make_shared<detail::MobileBlock>(detail::MobileBlockOptions{
                                   .in = in,
                                   .out = row.out,
                                   .expanded = detail::multiple_of_8(static_cast<double>(in) * row.expansion),
                                   .kernel = row.kernel,
                                   .stride = i == 0 ? row.stride : 1,
                                   .squeezed = row.fused ? 0 : std::max<std::int64_t>(1, in / 4),
                                   .squeeze_activation = Activation::silu,
                                   .activation = Activation::silu,
                                   .norm = norm,
                                   .fused = row.fused,
                                   .drops = true,
                                   .stochastic_depth = drop}));
        add_stage(fmt::format("features.{}.{}", number, i),
                  [block](torch::Tensor x) { return block->forward(std::move(x)); });
    }

    static void initialise_head(torch::nn::LinearImpl& head) {
        const double range = 1 / std::sqrt(static_cast<double>(head.options.out_features()));
        torch::nn::init::uniform_(head.weight, -range, range);
        torch::nn::init::zeros_(head.bias);
    }
};

}  // namespace

NetworkPtr efficientnet_b(int number, std::int64_t classes) {
    return std::make_shared<EfficientNet>(version_b(number), classes);
}

NetworkPtr efficientnet_v2(char size, std::int64_t classes) {
    auto network = std::make_shared<EfficientNet>(version_2(size), classes);
    network->input.minimum_size = 33;
    return network;
}

}  // namespace attune
