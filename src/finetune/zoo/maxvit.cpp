#include "attune/finetune/zoo/maxvit.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string>

#include "attune/finetune/zoo/staged_network.hpp"
#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "transformer_layers.hpp"

namespace attune {
namespace {

using detail::Activation;

constexpr detail::Norm norm{.eps = 1e-3, .momentum = 0.01};
constexpr double eps = 1e-5;
constexpr std::int64_t partition = 7;  ///< side of the windows and of the grid, in places
constexpr std::int64_t head_width = 32;
constexpr std::int64_t stem_width = 64;
constexpr std::array<std::int64_t, 4> widths{64, 128, 256, 512};
constexpr std::array<int, 4> layers{2, 2, 5, 2};
constexpr double stochastic_depth = 0.2;

/// An inverted residual with a normalisation before it; its shortcut averages where the side changes.
class MaxVitConvolution : public detail::Block {
  public:
    MaxVitConvolution(std::int64_t in, std::int64_t out, std::int64_t stride, double drop)
        : stride_(stride), depth_(std::make_shared<StochasticDepth>(drop)) {
        if (stride != 1 || in != out) {
            auto proj = register_module("proj", std::make_shared<torch::nn::Module>());
            project_ = proj->register_module(stride == 2 ? "1" : "0",
                                             detail::make_conv(torch::nn::Conv2dOptions(in, out, 1)));
        }
        register_module("stochastic_depth", depth_);
        const auto wide = 4 * out;
        layers_ = register_module("layers", std::make_shared<detail::Sequence>());
        layers_->add("pre_norm", detail::make_norm(in, norm));
        layers_->add("conv_a", detail::conv_norm(
                                   {.in = in, .out = wide, .activation = Activation::gelu, .norm = norm}));
        layers_->add("conv_b", detail::conv_norm({.in = wide,
                                                  .out = wide,
                                                  .kernel = 3,
                                                  .stride = stride,
                                                  .groups = wide,
                                                  .activation = Activation::gelu,
                                                  .norm = norm}));
        layers_->add("squeeze_excitation",
                     std::make_shared<detail::SqueezeExcitation>(wide, out / 4, Activation::silu));
        layers_->add("conv_c", detail::make_conv(torch::nn::Conv2dOptions(wide, out, 1)));
    }

    torch::Tensor forward(torch::Tensor x) override {
        auto y = depth_->forward(layers_->forward(x));
        if (!project_.is_empty()) {
            if (stride_ == 2) x = torch::avg_pool2d(x, 3, 2, 1);
            x = project_->forward(x);
        }
        return y + x;
    }

  private:
    std::int64_t stride_;
    std::shared_ptr<StochasticDepth> depth_;
    torch::nn::Conv2d project_{nullptr};
    std::shared_ptr<detail::Sequence> layers_;
};

/// Attention among the partition^2 tokens of each group, with biases by relative position.
class RelativeAttention : public detail::Block {
  public:
    explicit RelativeAttention(std::int64_t width)
        : width_(width),
          table_(register_parameter(
              "relative_position_bias_table",
              torch::zeros({(2 * partition - 1) * (2 * partition - 1), width / head_width}))) {
        register_buffer("relative_position_index", index_.clone());
        qkv_ = register_module("to_qkv", detail::make_linear(width, 3 * width));
        merge_ = register_module("merge", detail::make_linear(width, width));
        detail::truncated_normal(table_, 0.02);
    }

    torch::Tensor forward(torch::Tensor x) override {
        const auto [q, k, v] = detail::split_heads(qkv_->forward(x), width_ / head_width);
        const auto bias = detail::gather_bias(table_, index_, partition);
        // Scaled by the width of all heads together, as torchvision has it.
        const double scale = 1 / std::sqrt(static_cast<double>(width_));
        return merge_->forward(detail::join_heads(detail::attend(q, k, v, scale, bias)));
    }

  private:
    std::int64_t width_;
    torch::Tensor table_;
    torch::Tensor index_ = detail::relative_position_index(partition);
    torch::nn::Linear qkv_{nullptr}, merge_{nullptr};
};

/// Attention in windows of neighbours, or over a grid of places as far apart as the windows are wide.
class PartitionAttention : public detail::Block {
  public:
    PartitionAttention(std::int64_t width, bool grid, double drop)
        : grid_(grid),
          norm1_(detail::make_layer_norm(width, eps)),
          norm2_(detail::make_layer_norm(width, eps)),
          attention_(std::make_shared<RelativeAttention>(width)),
          expand_(detail::make_linear(width, 4 * width)),
          project_(detail::make_linear(4 * width, width)),
          depth_(std::make_shared<StochasticDepth>(drop)) {
        auto attention = register_module("attn_layer", std::make_shared<torch::nn::Module>());
        attention->register_module("0", norm1_);
        attention->register_module("1", attention_);
        auto perceptron = register_module("mlp_layer", std::make_shared<torch::nn::Module>());
        perceptron->register_module("0", norm2_);
        perceptron->register_module("1", expand_);
        perceptron->register_module("3", project_);
        register_module("stochastic_dropout", depth_);
    }

    torch::Tensor forward(torch::Tensor x) override {
        const auto n = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
        // Rows are (outer, inner) pairs, and so are columns; a window collects the inner ones, the grid the
        // outer ones, of which there are `partition` each.
        const auto rows = grid_ ? height / partition : partition;
        const auto columns = grid_ ? width / partition : partition;
        auto y = x.reshape({n, channels, height / rows, rows, width / columns, columns});
        y = grid_ ? y.permute({0, 3, 5, 2, 4, 1}) : y.permute({0, 2, 4, 3, 5, 1});
        const auto shape = y.sizes().vec();
        y = y.reshape({n, shape[1] * shape[2], partition * partition, channels});
        y = y + depth_->forward(attention_->forward(norm1_->forward(y)));
        y = y + depth_->forward(project_->forward(torch::gelu(expand_->forward(norm2_->forward(y)))));
        y = y.view(shape);
        y = grid_ ? y.permute({0, 3, 1, 4, 2, 5}) : y.permute({0, 1, 3, 2, 4, 5});
        return y.reshape({n, height, width, channels}).permute({0, 3, 1, 2});
    }

  private:
    bool grid_;
    torch::nn::LayerNorm norm1_, norm2_;
    std::shared_ptr<RelativeAttention> attention_;
    torch::nn::Linear expand_, project_;
    std::shared_ptr<StochasticDepth> depth_;
};

std::shared_ptr<torch::nn::Module> wrapped(const std::shared_ptr<detail::Sequence>& sequence) {
    auto module = std::make_shared<torch::nn::Module>();
    module->register_module("layers", sequence);
    return module;
}

class MaxVit : public LinearHeadNetwork {
  public:
    explicit MaxVit(std::int64_t classes) {
        add_stem();
        auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>());
        const int all = std::accumulate(layers.begin(), layers.end(), 0);
        std::int64_t in = stem_width;
        int count = 0;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            auto block = blocks->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
            auto container = block->register_module("layers", std::make_shared<torch::nn::Module>());
            for (int j = 0; j < layers[i]; ++j, ++count) {
                const double drop = stochastic_depth * count / (all - 1);
                auto layer = std::make_shared<detail::Sequence>();
                layer->add("MBconv",
                           std::make_shared<MaxVitConvolution>(in, widths[i], j == 0 ? 2 : 1, drop));
                layer->add("window_attention", std::make_shared<PartitionAttention>(widths[i], false, drop));
                layer->add("grid_attention", std::make_shared<PartitionAttention>(widths[i], true, drop));
                container->register_module(std::to_string(j), wrapped(layer));
                add_stage(fmt::format("blocks.{}.layers.{}", i, j),
                          [layer](torch::Tensor x) { return layer->forward(std::move(x)); });
                in = widths[i];
            }
        }
        add_classifier();
        detail::initialise_normal(*this, 0.02, /*truncated=*/false);
        add_head("classifier.5", in, classes,
                 {.initialise = [](auto& head) { detail::initialise_normal(head, 0.02); }, .bias = false});
    }

  private:
    void add_stem() {
        auto stem = register_module("stem", std::make_shared<torch::nn::Module>());
        auto first = stem->register_module("0", detail::conv_norm({.in = 3,
                                                                   .out = stem_width,
                                                                   .kernel = 3,
                                                                   .stride = 2,
                                                                   .activation = Activation::gelu,
                                                                   .norm = norm}));
        auto second = stem->register_module("1", std::make_shared<detail::Sequence>());
        second->add("0", detail::make_conv(torch::nn::Conv2dOptions(stem_width, stem_width, 3).padding(1)));
        add_stage("stem",
                  [first, second](torch::Tensor x) { return second->forward(first->forward(std::move(x))); });
    }

    void add_classifier() {
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        auto last = classifier->register_module("2", detail::make_layer_norm(widths.back(), eps));
        auto linear = classifier->register_module("3", detail::make_linear(widths.back(), widths.back()));
        add_stage("classifier.4",
                  [last, linear](torch::Tensor x) mutable {
                      return linear->forward(last->forward(detail::global_average(x))).tanh_();
                  },
                  {"classifier.2.", "classifier.3."});
    }
};

}  // namespace

NetworkPtr maxvit_t(std::int64_t classes) {
    auto network = std::make_shared<MaxVit>(classes);
    network->input = {.image_size = 224, .minimum_size = 224, .multiple = 224};
    return network;
}

}  // namespace attune
