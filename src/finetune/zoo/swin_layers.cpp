#include "swin_layers.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace attune::detail {
namespace {

/// x / |x| over the last dimension.
torch::Tensor direction(const torch::Tensor& x) {
    return x / x.norm(2, -1, /*keepdim=*/true).clamp_min(1e-12);
}

/// N x H x W x C to (N windows) x side^2 x C.
torch::Tensor to_windows(const torch::Tensor& x, std::int64_t side) {
    return x.view({x.size(0), x.size(1) / side, side, x.size(2) / side, side, x.size(3)})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({-1, side * side, x.size(3)});
}

torch::Tensor from_windows(const torch::Tensor& windows, std::int64_t side, torch::IntArrayRef shape) {
    return windows.view({shape[0], shape[1] / side, shape[2] / side, side, side, shape[3]})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape(shape);
}

/// The range that a row (or column) belongs to once the map is rolled by `shift`: places of different ranges
/// are no neighbours.
std::int64_t range_of(std::int64_t i, std::int64_t length, std::int64_t side, std::int64_t shift) {
    if (shift == 0 || i < length - side) return 0;
    return i < length - shift ? 1 : 2;
}

/// windows x side^2 x side^2: 0 for places that may see one another, -100 for others.
torch::Tensor shift_mask(std::int64_t height, std::int64_t width, std::int64_t side,
                         std::array<std::int64_t, 2> shift, const torch::TensorOptions& options) {
    auto ranges = torch::empty({1, height, width, 1});
    auto* out = ranges.data_ptr<float>();
    for (std::int64_t row = 0; row < height; ++row)
        for (std::int64_t column = 0; column < width; ++column)
            *out++ = static_cast<float>(3 * range_of(row, height, side, shift[0]) +
                                        range_of(column, width, side, shift[1]));
    const auto windows = to_windows(ranges, side).squeeze(-1);
    const auto apart = windows.unsqueeze(1).ne(windows.unsqueeze(2));
    return (apart.to(torch::kFloat32) * -100).to(options);
}

}  // namespace

WindowAttention::WindowAttention(const SwinBlockOptions& options)
    : options_(options), index_(relative_position_index(options.window)) {
    const auto span = 2 * options.window - 1;
    if (options.version == 1) {
        table_ =
            register_parameter("relative_position_bias_table", torch::zeros({span * span, options.heads}));
        truncated_normal(table_, 0.02);
    } else {
        scale_ = register_parameter("logit_scale", torch::full({options.heads, 1, 1}, std::log(10.0)));
        add_positions();
    }
    register_buffer("relative_position_index", index_.flatten().clone());
    qkv_ = register_module("qkv", make_linear(options.width, 3 * options.width));
    project_ = register_module("proj", make_linear(options.width, options.width));
    if (options.version == 1) return;
    auto perceptron = register_module("cpb_mlp", std::make_shared<torch::nn::Module>());
    bias1_ = perceptron->register_module("0", make_linear(2, 512));
    bias2_ = perceptron->register_module("2", make_linear(512, options.heads, /*bias=*/false));
}

/// Relative coordinates on a logarithmic scale, -8 to 8 before it (equation 4 of the second paper).
void WindowAttention::add_positions() {
    const auto side = options_.window;
    const auto span = 2 * side - 1;
    auto line = torch::arange(1 - side, side, torch::kFloat32) / static_cast<double>(side - 1) * 8;
    line = line.sign() * torch::log2(line.abs() + 1.0) / 3.0;
    const auto rows = line.view({span, 1}).expand({span, span});
    const auto columns = line.view({1, span}).expand({span, span});
    coordinates_ =
        register_buffer("relative_coords_table", torch::stack({rows, columns}, -1).unsqueeze(0).contiguous());
}

torch::Tensor WindowAttention::bias() {
    if (options_.version == 1) return gather_bias(table_, index_, options_.window);
    auto hidden = rectify(bias1_->forward(coordinates_));
    const auto table = bias2_->forward(hidden).view({-1, options_.heads});
    return 16 * gather_bias(table, index_, options_.window).sigmoid();
}

torch::Tensor WindowAttention::attend_in_windows(const torch::Tensor& windows, const torch::Tensor& mask) {
    auto qkv_bias = qkv_->bias;
    if (options_.version == 2) {
        // Keys have no bias.
        const auto parts = qkv_bias.chunk(3);
        qkv_bias = torch::cat({parts[0], torch::zeros_like(parts[1]), parts[2]});
    }
    auto [q, k, v] = split_heads(torch::linear(windows, qkv_->weight, qkv_bias), options_.heads);
    double scale = 1;
    if (options_.version == 1) {
        scale = 1 / std::sqrt(static_cast<double>(options_.width / options_.heads));
    } else {
        q = direction(q) * scale_.clamp_max(std::log(100.0)).exp();
        k = direction(k);
    }
    auto added = bias().unsqueeze(0);
    if (mask.defined()) {
        // For each image all windows: 1 x windows x heads x side^2 x side^2.
        added = (added + mask.unsqueeze(1)).repeat({windows.size(0) / mask.size(0), 1, 1, 1});
    }
    return project_->forward(join_heads(attend(q, k, v, scale, added)));
}

torch::Tensor WindowAttention::forward(torch::Tensor x) {
    const auto side = options_.window;
    const auto height = x.size(1);
    const auto width = x.size(2);
    const auto missing = [&](std::int64_t length) { return (side - length % side) % side; };
    if (missing(height) != 0 || missing(width) != 0)
        x = torch::constant_pad_nd(x, {0, 0, 0, missing(width), 0, missing(height)});
    const auto shape = x.sizes().vec();
    // A window that covers the whole side has nothing to be shifted to.
    const std::array<std::int64_t, 2> shift{side >= shape[1] ? 0 : options_.shift,
                                            side >= shape[2] ? 0 : options_.shift};
    const bool shifted = shift[0] + shift[1] > 0;
    torch::Tensor mask;
    if (shifted) {
        x = torch::roll(x, {-shift[0], -shift[1]}, {1, 2});
        mask = shift_mask(shape[1], shape[2], side, shift, x.options());
    }
    x = from_windows(attend_in_windows(to_windows(x.contiguous(), side), mask), side, shape);
    if (shifted) x = torch::roll(x, {shift[0], shift[1]}, {1, 2});
    return x.slice(1, 0, height).slice(2, 0, width).contiguous();
}

SwinBlock::SwinBlock(const SwinBlockOptions& options)
    : version_(options.version),
      norm1_(make_layer_norm(options.width, swin_eps)),
      norm2_(make_layer_norm(options.width, swin_eps)),
      attention_(std::make_shared<WindowAttention>(options)),
      depth_(std::make_shared<StochasticDepth>(options.stochastic_depth)),
      perceptron_(std::make_shared<Perceptron>(options.width, 4 * options.width)) {
    register_module("norm1", norm1_);
    register_module("attn", attention_);
    register_module("stochastic_depth", depth_);
    register_module("norm2", norm2_);
    register_module("mlp", perceptron_);
}

torch::Tensor SwinBlock::forward(torch::Tensor x) {
    if (version_ == 1) {
        x = x + depth_->forward(attention_->forward(norm1_->forward(x)));
        return x + depth_->forward(perceptron_->forward(norm2_->forward(x)));
    }
    x = x + depth_->forward(norm1_->forward(attention_->forward(x)));
    return x + depth_->forward(norm2_->forward(perceptron_->forward(x)));
}

PatchMerging::PatchMerging(std::int64_t width, int version)
    : version_(version),
      reduction_(register_module("reduction", make_linear(4 * width, 2 * width, /*bias=*/false))),
      norm_(register_module("norm", make_layer_norm(version == 1 ? 4 * width : 2 * width, swin_eps))) {}

torch::Tensor PatchMerging::forward(torch::Tensor x) {
    if (x.size(1) % 2 != 0 || x.size(2) % 2 != 0)
        x = torch::constant_pad_nd(x, {0, 0, 0, x.size(2) % 2, 0, x.size(1) % 2});
    const auto part = [&](std::int64_t row, std::int64_t column) {
        return x.slice(1, row, x.size(1), 2).slice(2, column, x.size(2), 2);
    };
    x = torch::cat({part(0, 0), part(1, 0), part(0, 1), part(1, 1)}, -1);
    if (version_ == 1) return reduction_->forward(norm_->forward(x));
    return norm_->forward(reduction_->forward(x));
}

}  // namespace attune::detail
