#include "attune/finetune/zoo/shufflenet_v2.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

using detail::Activation;
using detail::ConvNormChain;

/// Half of the channels pass, the other half are filtered; a unit with stride filters all of them twice over.
class ShuffleUnit : public detail::Block {
  public:
    ShuffleUnit(std::int64_t in, std::int64_t out, std::int64_t stride) {
        const auto half = out / 2;
        const auto filtered = stride == 1 ? half : in;
        if (stride != 1)
            branch1_ = std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
                {.in = in, .out = in, .kernel = 3, .stride = stride, .groups = in},
                {.in = in, .out = half, .activation = Activation::relu}});
        branch2_ = std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
            {.in = filtered, .out = half, .activation = Activation::relu},
            {.in = half, .out = half, .kernel = 3, .stride = stride, .groups = half},
            {.in = half, .out = half, .activation = Activation::relu}});
        if (branch1_) register_module("branch1", branch1_);
        register_module("branch2", branch2_);
    }

    torch::Tensor forward(torch::Tensor x) override {
        if (branch1_) return detail::interleave_channels(branch1_->forward(x), branch2_->forward(x));
        const auto halves = x.chunk(2, 1);
        return detail::interleave_channels(halves[0], branch2_->forward(halves[1]));
    }

  private:
    std::shared_ptr<ConvNormChain> branch1_, branch2_;
};

class ShuffleNetV2 : public LinearHeadNetwork {
  public:
    ShuffleNetV2(const std::array<std::int64_t, 4>& channels, std::int64_t classes) {
        auto first = register_module(
            "conv1", std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
                         {.in = 3, .out = 24, .kernel = 3, .stride = 2, .activation = Activation::relu}}));
        add_stage("conv1", [first](torch::Tensor x) {
            return torch::max_pool2d(first->forward(std::move(x)), 3, 2, 1);
        });
        std::int64_t in = 24;
        for (std::size_t s = 0; s < units.size(); ++s) {
            const auto name = "stage" + std::to_string(s + 2);
            auto stage = register_module(name, std::make_shared<torch::nn::Module>());
            for (int i = 0; i < units[s]; ++i) {
                auto unit = stage->register_module(
                    std::to_string(i), std::make_shared<ShuffleUnit>(in, channels[s], i == 0 ? 2 : 1));
                add_stage(name + "." + std::to_string(i),
                          [unit](torch::Tensor x) { return unit->forward(std::move(x)); });
                in = channels[s];
            }
        }
        auto last =
            register_module("conv5", std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
                                         {.in = in, .out = channels[3], .activation = Activation::relu}}));
        add_stage("conv5",
                  [last](torch::Tensor x) { return detail::global_average(last->forward(std::move(x))); });
        detail::initialise_as_torch(*this);
        add_head("fc", channels[3], classes, {});
    }

  private:
    static constexpr std::array<int, 3> units{4, 8, 4};
};

/// Table 5 of the paper; 2.0 as torchvision has it (244, 488, 976).
std::array<std::int64_t, 4> channels_of(double width) {
    if (width == 0.5) return {48, 96, 192, 1024};
    if (width == 1.0) return {116, 232, 464, 1024};
    if (width == 1.5) return {176, 352, 704, 1024};
    if (width == 2.0) return {244, 488, 976, 2048};
    throw InvalidOption(fmt::format("width of ShuffleNetV2 is {}; it must be 0.5, 1, 1.5 or 2", width));
}

}  // namespace

NetworkPtr shufflenet_v2(double width, std::int64_t classes) {
    return std::make_shared<ShuffleNetV2>(channels_of(width), classes);
}

}  // namespace attune
