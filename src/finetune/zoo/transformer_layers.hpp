#pragma once

#include <torch/nn/modules/normalization.h>

#include <utility>

#include "layers.hpp"

namespace attune::detail {

/// Over the last dimension.
torch::nn::LayerNorm make_layer_norm(std::int64_t width, double eps);

/// Normalises N x C x H x W over the channels of each place.
torch::Tensor normalise_channels(torch::nn::LayerNormImpl& norm, const torch::Tensor& x);

/// Linear, GELU, linear, over the last dimension, with the names 0 and 3 that Python's sequence with dropouts
/// of zero has.
class Perceptron : public Block {
  public:
    Perceptron(std::int64_t width, std::int64_t hidden);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    torch::nn::Linear first_, second_;
};

/// softmax(q k' * scale + bias) v over the last two dimensions; `bias` may be undefined.
torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, double scale,
                     const torch::Tensor& bias = {});

/// ... x tokens x 3 width to queries, keys and values of ... x heads x tokens x width / heads.
struct Attention {
    torch::Tensor q, k, v;
};
Attention split_heads(const torch::Tensor& qkv, std::int64_t heads);

/// The inverse for one of them: ... x heads x tokens x d to ... x tokens x heads * d.
torch::Tensor join_heads(const torch::Tensor& x);

/// For each pair of places of a `side` x `side` window, row-major, the row of the table of
/// (2 side - 1)^2 relative positions that belongs to it: side^2 x side^2, int64.
torch::Tensor relative_position_index(std::int64_t side);

/// heads x side^2 x side^2 out of a table of (2 side - 1)^2 x heads, by such an index, which follows the
/// table to its device.
torch::Tensor gather_bias(const torch::Tensor& table, torch::Tensor& index, std::int64_t side);

}  // namespace attune::detail
