#include "attune/finetune/zoo/alexnet.hpp"

#include <torch/nn/modules/dropout.h>

#include <array>
#include <string>

#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

struct Layer {
    int number;  ///< torchvision's, which counts rectifiers and poolings too
    std::int64_t in, out, kernel, stride, padding;
    bool pooled;
};
constexpr std::array<Layer, 5> layers{{{0, 3, 64, 11, 4, 2, true},
                                       {3, 64, 192, 5, 1, 2, true},
                                       {6, 192, 384, 3, 1, 1, false},
                                       {8, 384, 256, 3, 1, 1, false},
                                       {10, 256, 256, 3, 1, 1, true}}};
constexpr std::int64_t side = 6;  ///< of the map that the linear layers see
constexpr std::int64_t width = 4096;

class AlexNet : public LinearHeadNetwork {
  public:
    explicit AlexNet(std::int64_t classes) {
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        // Stages are called by their last module, the pooling or the rectifier.
        for (const auto& layer : layers) {
            const auto number = std::to_string(layer.number);
            auto conv = features->register_module(
                number, detail::make_conv(torch::nn::Conv2dOptions(layer.in, layer.out, layer.kernel)
                                              .stride(layer.stride)
                                              .padding(layer.padding)));
            add_stage("features." + std::to_string(layer.number + (layer.pooled ? 2 : 1)),
                      [conv, pooled = layer.pooled](torch::Tensor x) mutable {
                          auto y = detail::rectify(conv->forward(x));
                          return pooled ? torch::max_pool2d(y, 3, 2) : y;
                      },
                      {"features." + number + "."});
        }
        extend_last_stage([](torch::Tensor x) {
            return torch::adaptive_avg_pool2d(x, {side, side}).flatten(1);
        });
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        add_hidden(*classifier, 1, layers.back().out * side * side);
        add_hidden(*classifier, 4, width);
        detail::initialise_as_torch(*this);
        add_head("classifier.6", width, classes, {});
    }

  private:
    void add_hidden(torch::nn::Module& classifier, int number, std::int64_t in) {
        auto dropout = classifier.register_module(std::to_string(number - 1), torch::nn::Dropout(0.5));
        const auto name = std::to_string(number);
        auto linear = classifier.register_module(name, detail::make_linear(in, width));
        add_stage("classifier." + std::to_string(number + 1),
                  [dropout, linear](torch::Tensor x) mutable {
                      return detail::rectify(linear->forward(dropout->forward(x)));
                  },
                  {"classifier." + name + "."});
    }
};

}  // namespace

NetworkPtr alexnet(std::int64_t classes) {
    auto network = std::make_shared<AlexNet>(classes);
    network->input.minimum_size = 63;
    return network;
}

}  // namespace attune
