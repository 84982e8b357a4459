#include "attune/finetune/zoo/fastestdet_shufflenet.hpp"

#include <array>
#include <string>
#include <utility>

#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

using detail::Activation;
using detail::ConvNormChain;

/// Passes the even channels and filters the odd ones; the shuffle is in the choice, so the parts are only
/// joined.
class EvenOddUnit : public detail::Block {
  public:
    EvenOddUnit(std::int64_t in, std::int64_t out, std::int64_t stride) {
        const auto middle = out / 2;
        const auto filtered = stride == 1 ? in / 2 : in;
        const auto made = out - filtered;
        main_ = register_module(
            "branch_main", std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
                               {.in = filtered, .out = middle, .activation = Activation::relu},
                               {.in = middle, .out = middle, .kernel = 3, .stride = stride, .groups = middle},
                               {.in = middle, .out = made, .activation = Activation::relu}}));
        if (stride != 1)
            projection_ = register_module(
                "branch_proj", std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
                                   {.in = in, .out = in, .kernel = 3, .stride = stride, .groups = in},
                                   {.in = in, .out = in, .activation = Activation::relu}}));
    }

    torch::Tensor forward(torch::Tensor x) override {
        if (projection_) return torch::cat({projection_->forward(x), main_->forward(x)}, 1);
        const auto end = x.size(1);
        return torch::cat({x.slice(1, 0, end, 2), main_->forward(x.slice(1, 1, end, 2))}, 1);
    }

  private:
    std::shared_ptr<ConvNormChain> main_, projection_;
};

class FastestDetShuffleNet : public LinearHeadNetwork {
  public:
    explicit FastestDetShuffleNet(std::int64_t classes) {
        auto first = register_module(
            "first_conv",
            std::make_shared<ConvNormChain>(std::vector<detail::ConvSpec>{
                {.in = 3, .out = 24, .kernel = 3, .stride = 2, .activation = Activation::relu}}));
        add_stage("first_conv", [first](torch::Tensor x) {
            return torch::max_pool2d(first->forward(std::move(x)), 3, 2, 1);
        });
        std::int64_t in = 24;
        for (std::size_t s = 0; s < units.size(); ++s) {
            const auto name = "stage" + std::to_string(s + 2);
            auto stage = register_module(name, std::make_shared<torch::nn::Module>());
            for (int i = 0; i < units[s]; ++i) {
                auto unit = stage->register_module(
                    std::to_string(i), std::make_shared<EvenOddUnit>(in, channels[s], i == 0 ? 2 : 1));
                const bool last = s + 1 == units.size() && i + 1 == units[s];
                add_stage(name + "." + std::to_string(i), [unit, last](torch::Tensor x) {
                    auto y = unit->forward(std::move(x));
                    return last ? detail::global_average(y) : y;
                });
                in = channels[s];
            }
        }
        detail::initialise_as_torch(*this);
        add_head("fc", in, classes, {});
    }

  private:
    static constexpr std::array<int, 3> units{4, 8, 4};
    static constexpr std::array<std::int64_t, 3> channels{48, 96, 192};
};

}  // namespace

NetworkPtr fastestdet_shufflenet(std::int64_t classes) {
    return std::make_shared<FastestDetShuffleNet>(classes);
}

}  // namespace attune
