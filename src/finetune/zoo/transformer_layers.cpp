#include "transformer_layers.hpp"

namespace attune::detail {

torch::nn::LayerNorm make_layer_norm(std::int64_t width, double eps) {
    return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(eps));
}

torch::Tensor normalise_channels(torch::nn::LayerNormImpl& norm, const torch::Tensor& x) {
    return norm.forward(x.permute({0, 2, 3, 1})).permute({0, 3, 1, 2});
}

Perceptron::Perceptron(std::int64_t width, std::int64_t hidden)
    : first_(register_module("0", make_linear(width, hidden))),
      second_(register_module("3", make_linear(hidden, width))) {}

torch::Tensor Perceptron::forward(torch::Tensor x) {
    return second_->forward(torch::gelu(first_->forward(x)));
}

torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v, double scale,
                     const torch::Tensor& bias) {
    auto weights = torch::matmul(scale == 1 ? q : q * scale, k.transpose(-2, -1));
    if (bias.defined()) weights = weights + bias;
    return torch::matmul(torch::softmax(weights, -1), v);
}

Attention split_heads(const torch::Tensor& qkv, std::int64_t heads) {
    auto shape = qkv.sizes().vec();
    const auto width = shape.back() / 3;
    shape.back() = 3;
    shape.push_back(heads);
    shape.push_back(width / heads);
    const auto parts = qkv.reshape(shape);  // ... x tokens x 3 x heads x d
    const auto part = [&](std::int64_t i) { return parts.select(-3, i).transpose(-3, -2); };
    return {part(0), part(1), part(2)};
}

torch::Tensor join_heads(const torch::Tensor& x) { return x.transpose(-3, -2).flatten(-2); }

torch::Tensor relative_position_index(std::int64_t side) {
    const auto places = side * side;
    auto index = torch::empty({places, places}, torch::kInt64);
    auto* out = index.data_ptr<std::int64_t>();
    for (std::int64_t a = 0; a < places; ++a)
        for (std::int64_t b = 0; b < places; ++b)
            *out++ = (a / side - b / side + side - 1) * (2 * side - 1) + (a % side - b % side + side - 1);
    return index;
}

torch::Tensor gather_bias(const torch::Tensor& table, torch::Tensor& index, std::int64_t side) {
    if (index.device() != table.device()) index = index.to(table.device());
    const auto places = side * side;
    return table.index_select(0, index.flatten()).view({places, places, -1}).permute({2, 0, 1}).contiguous();
}

}  // namespace attune::detail
