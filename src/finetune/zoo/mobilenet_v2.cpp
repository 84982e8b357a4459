#include "attune/finetune/zoo/mobilenet_v2.hpp"

#include <array>
#include <string>
#include <utility>

#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

using detail::Activation;
using detail::ConvNormChain;

/// Expand by 1 x 1, filter by depth, project without activation; added to the input where the shapes allow
/// it.
class InvertedResidual : public detail::Block {
  public:
    InvertedResidual(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t expansion)
        : residual_(stride == 1 && in == out),
          project_(detail::make_conv({.in = in * expansion, .out = out})),
          norm_(out) {
        const auto wide = in * expansion;
        auto conv = register_module("conv", std::make_shared<torch::nn::Module>());
        int next = 0;
        const auto add_chain = [&](const detail::ConvSpec& spec) {
            chains_.push_back(std::make_shared<ConvNormChain>(std::vector{spec}));
            conv->register_module(std::to_string(next++), chains_.back());
        };
        if (expansion != 1) add_chain({.in = in, .out = wide, .activation = Activation::relu6});
        add_chain({.in = wide,
                   .out = wide,
                   .kernel = 3,
                   .stride = stride,
                   .groups = wide,
                   .activation = Activation::relu6});
        conv->register_module(std::to_string(next++), project_);
        conv->register_module(std::to_string(next), norm_);
    }

    torch::Tensor forward(torch::Tensor x) override {
        auto y = x;
        for (auto& chain : chains_) y = chain->forward(std::move(y));
        y = norm_->forward(project_->forward(y));
        return residual_ ? y.add_(x) : y;
    }

  private:
    bool residual_;
    torch::nn::Conv2d project_;
    BatchNorm2d norm_;
    std::vector<std::shared_ptr<ConvNormChain>> chains_;
};

class MobileNetV2 : public LinearHeadNetwork {
  public:
    explicit MobileNetV2(std::int64_t classes) {
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        int next = 0;
        const auto add = [&](std::shared_ptr<detail::Block> block) {
            features->register_module(std::to_string(next), block);
            add_stage("features." + std::to_string(next++),
                      [block](torch::Tensor x) { return block->forward(std::move(x)); });
        };
        add(std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
            {.in = 3, .out = 32, .kernel = 3, .stride = 2, .activation = Activation::relu6}}));
        std::int64_t channels = 32;
        for (const auto& row : rows) {
            for (std::int64_t i = 0; i < row.blocks; ++i) {
                add(std::make_shared<InvertedResidual>(channels, row.channels, i == 0 ? row.stride : 1,
                                                       row.expansion));
                channels = row.channels;
            }
        }
        auto last = std::make_shared<ConvNormChain>(
            std::vector<detail::ConvSpec>{{.in = channels, .out = 1280, .activation = Activation::relu6}});
        features->register_module(std::to_string(next), last);
        add_stage("features." + std::to_string(next),
                  [last](torch::Tensor x) { return detail::global_average(last->forward(std::move(x))); });
        detail::initialise_kaiming_fan_out(*features);
        add_head("classifier.1", 1280, classes,
                 {.initialise = [](auto& head) { detail::initialise_normal(head, 0.01); },
                  .dropout = 0.2,
                  .dropout_name = "0"});
    }

  private:
    struct Row {
        std::int64_t expansion, channels, blocks, stride;
    };
    // Table 2 of the paper.
    static constexpr std::array<Row, 7> rows{{{1, 16, 1, 1},
                                              {6, 24, 2, 2},
                                              {6, 32, 3, 2},
                                              {6, 64, 4, 2},
                                              {6, 96, 3, 1},
                                              {6, 160, 3, 2},
                                              {6, 320, 1, 1}}};
};

}  // namespace

NetworkPtr mobilenet_v2(std::int64_t classes) { return std::make_shared<MobileNetV2>(classes); }

}  // namespace attune
