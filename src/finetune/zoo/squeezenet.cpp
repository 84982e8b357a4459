#include "attune/finetune/zoo/squeezenet.hpp"

#include <torch/nn/init.h>
#include <torch/nn/modules/dropout.h>

#include <set>
#include <string>
#include <utility>

#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

torch::nn::Conv2d biased_conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride = 1,
                              std::int64_t padding = 0) {
    auto conv = detail::make_conv(torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(padding));
    if (detail::initialises()) {
        torch::nn::init::kaiming_uniform_(conv->weight, 0);
        torch::nn::init::zeros_(conv->bias);
    }
    return conv;
}

torch::nn::Conv2d fresh_head(std::int64_t classes) {
    auto conv = detail::make_conv(torch::nn::Conv2dOptions(512, classes, 1));
    if (detail::initialises()) {
        torch::nn::init::normal_(conv->weight, 0, 0.01);
        torch::nn::init::zeros_(conv->bias);
    }
    return conv;
}

torch::Tensor pool(const torch::Tensor& x) {
    return torch::max_pool2d(x, 3, 2, /*padding=*/0, /*dilation=*/1, /*ceil_mode=*/true);
}

/// Squeeze by 1 x 1, expand by 1 x 1 and 3 x 3 side by side.
class Fire : public detail::Block {
  public:
    Fire(std::int64_t in, std::int64_t squeeze, std::int64_t expand)
        : squeeze_(register_module("squeeze", biased_conv(in, squeeze, 1))),
          expand1x1_(register_module("expand1x1", biased_conv(squeeze, expand, 1))),
          expand3x3_(register_module("expand3x3", biased_conv(squeeze, expand, 3, 1, 1))) {}

    torch::Tensor forward(torch::Tensor x) override {
        x = detail::rectify(squeeze_->forward(x));
        return detail::rectify(torch::cat({expand1x1_->forward(x), expand3x3_->forward(x)}, 1));
    }

  private:
    torch::nn::Conv2d squeeze_, expand1x1_, expand3x3_;
};

/// What tells the two versions apart: the first convolution, and behind which fire modules there is a
/// pooling.
struct Version {
    std::int64_t channels;
    std::int64_t kernel;
    std::set<int> pooled_fires;
};

class SqueezeNet : public StagedNetwork {
  public:
    SqueezeNet(const Version& version, std::int64_t classes) {
        detail::check_classes(classes);
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        auto first = features->register_module("0", biased_conv(3, version.channels, version.kernel, 2));
        add_stage("features.0",
                  [first](torch::Tensor x) mutable { return pool(detail::rectify(first->forward(x))); });
        // torchvision numbers the rectifier and each pooling too.
        int next = 3;
        std::int64_t channels = version.channels;
        for (int i = 0; i < 8; ++i) {
            const std::int64_t squeeze = 16 * (i / 2 + 1);
            auto fire = features->register_module(std::to_string(next),
                                                  std::make_shared<Fire>(channels, squeeze, 4 * squeeze));
            const bool pooled = version.pooled_fires.count(i) > 0;
            add_stage("features." + std::to_string(next), [fire, pooled](torch::Tensor x) {
                auto y = fire->forward(std::move(x));
                return pooled ? pool(y) : y;
            });
            next += pooled ? 2 : 1;
            channels = 8 * squeeze;
        }
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        classifier->register_module("0", dropout_);
        classifier->register_module("1", head_ = fresh_head(classes));
    }

    torch::Tensor forward_head(torch::Tensor features) override {
        return detail::global_average(detail::rectify(head_->forward(dropout_->forward(features))));
    }

    [[nodiscard]] std::string head_name() const override { return "classifier.1"; }

    void replace_head(std::int64_t classes) override {
        detail::check_classes(classes);
        auto fresh = fresh_head(classes);
        detail::match(*fresh, *head_, head_->weight);
        detail::replace_module_at(*this, head_name(), fresh.ptr());
        head_ = fresh;
    }

    void set_head_dropout(double probability) override {
        detail::check_dropout(probability);
        dropout_->options.p(probability);
    }

    [[nodiscard]] std::int64_t classes() const override { return head_->options.out_channels(); }

  private:
    torch::nn::Dropout dropout_{0.5};
    torch::nn::Conv2d head_{nullptr};
};

}  // namespace

NetworkPtr squeezenet1_0(std::int64_t classes) {
    return std::make_shared<SqueezeNet>(Version{96, 7, {2, 6}}, classes);
}

NetworkPtr squeezenet1_1(std::int64_t classes) {
    return std::make_shared<SqueezeNet>(Version{64, 3, {1, 3}}, classes);
}

}  // namespace attune
