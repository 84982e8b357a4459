#include "attune/finetune/zoo/convnext.hpp"

#include <fmt/format.h>

#include <numeric>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "transformer_layers.hpp"

namespace attune {
namespace {

constexpr double eps = 1e-6;
constexpr double first_scale = 1e-6;  ///< of the residual branches at the start of training

/// Filter by depth (7 x 7), normalise the channels, mix them in a perceptron; scaled, beside the identity.
class ConvNeXtBlock : public detail::Block {
  public:
    ConvNeXtBlock(std::int64_t width, double stochastic_depth)
        : scale_(register_parameter("layer_scale", torch::full({width, 1, 1}, first_scale))),
          filter_(detail::make_conv(torch::nn::Conv2dOptions(width, width, 7).padding(3).groups(width))),
          norm_(detail::make_layer_norm(width, eps)),
          expand_(detail::make_linear(width, 4 * width)),
          project_(detail::make_linear(4 * width, width)),
          depth_(std::make_shared<StochasticDepth>(stochastic_depth)) {
        auto block = register_module("block", std::make_shared<torch::nn::Module>());
        block->register_module("0", filter_);
        block->register_module("2", norm_);
        block->register_module("3", expand_);
        block->register_module("5", project_);
        register_module("stochastic_depth", depth_);
    }

    torch::Tensor forward(torch::Tensor x) override {
        auto y = norm_->forward(filter_->forward(x).permute({0, 2, 3, 1}));
        y = project_->forward(torch::gelu(expand_->forward(y))).permute({0, 3, 1, 2});
        return depth_->forward(scale_ * y) + x;
    }

  private:
    torch::Tensor scale_;
    torch::nn::Conv2d filter_;
    torch::nn::LayerNorm norm_;
    torch::nn::Linear expand_, project_;
    std::shared_ptr<StochasticDepth> depth_;
};

class ConvNeXt : public LinearHeadNetwork {
  public:
    ConvNeXt(const ConvNeXtOptions& options, std::int64_t classes) {
        features_ = register_module("features", std::make_shared<torch::nn::Module>());
        add_stem(options.widths[0]);
        const int all = std::accumulate(options.blocks.begin(), options.blocks.end(), 0);
        int number = 1;
        int count = 0;
        for (std::size_t i = 0; i < options.widths.size(); ++i) {
            auto group =
                features_->register_module(std::to_string(number), std::make_shared<torch::nn::Module>());
            for (int j = 0; j < options.blocks[i]; ++j, ++count) {
                const double drop = all == 1 ? 0 : options.stochastic_depth * count / (all - 1);
                const auto block = group->register_module(
                    std::to_string(j), std::make_shared<ConvNeXtBlock>(options.widths[i], drop));
                add_stage(fmt::format("features.{}.{}", number, j),
                          [block](torch::Tensor x) { return block->forward(std::move(x)); });
            }
            ++number;
            if (i + 1 < options.widths.size())
                add_downsampling(number++, options.widths[i], options.widths[i + 1]);
        }
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        auto norm = classifier->register_module("0", detail::make_layer_norm(options.widths.back(), eps));
        extend_last_stage(
            [norm](torch::Tensor x) mutable { return norm->forward(detail::global_average(x)); });
        extend_last_stage("classifier.0.");
        detail::initialise_normal(*this, 0.02, /*truncated=*/true);
        add_head("classifier.2", options.widths.back(), classes,
                 {.initialise = [](auto& head) { detail::initialise_truncated(head, 0.02); }});
    }

  private:
    void add_stem(std::int64_t width) {
        auto stem = features_->register_module("0", std::make_shared<torch::nn::Module>());
        auto conv =
            stem->register_module("0", detail::make_conv(torch::nn::Conv2dOptions(3, width, 4).stride(4)));
        auto norm = stem->register_module("1", detail::make_layer_norm(width, eps));
        add_stage("features.0", [conv, norm](torch::Tensor x) mutable {
            return detail::normalise_channels(*norm, conv->forward(x));
        });
    }

    void add_downsampling(int number, std::int64_t in, std::int64_t out) {
        auto step = features_->register_module(std::to_string(number), std::make_shared<torch::nn::Module>());
        auto norm = step->register_module("0", detail::make_layer_norm(in, eps));
        auto conv =
            step->register_module("1", detail::make_conv(torch::nn::Conv2dOptions(in, out, 2).stride(2)));
        add_stage("features." + std::to_string(number), [norm, conv](torch::Tensor x) mutable {
            return conv->forward(detail::normalise_channels(*norm, x));
        });
    }

    std::shared_ptr<torch::nn::Module> features_;
};

}  // namespace

void ConvNeXtOptions::validate() const {
    for (const auto width : widths)
        if (width < 1)
            throw InvalidOption(fmt::format("widths of a ConvNeXt has {}; each must be at least 1", width));
    for (const auto count : blocks)
        if (count < 1)
            throw InvalidOption(fmt::format("blocks of a ConvNeXt has {}; each must be at least 1", count));
    if (!(stochastic_depth >= 0 && stochastic_depth < 1))
        throw InvalidOption(
            fmt::format("stochastic_depth of a ConvNeXt is {}; it must lie in [0, 1)", stochastic_depth));
}

NetworkPtr convnext(const ConvNeXtOptions& options, std::int64_t classes) {
    options.validate();
    return std::make_shared<ConvNeXt>(options, classes);
}

}  // namespace attune
