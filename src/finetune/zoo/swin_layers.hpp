#pragma once

#include <memory>

#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "transformer_layers.hpp"

namespace attune::detail {

constexpr double swin_eps = 1e-5;

struct SwinBlockOptions {
    int version = 1;
    std::int64_t width = 0;
    std::int64_t heads = 0;
    std::int64_t window = 0;
    std::int64_t shift = 0;  ///< of the windows, in places
    double stochastic_depth = 0;
};

/// Attention within windows of a N x H x W x C map, which may be shifted against the grid.
class WindowAttention : public Block {
  public:
    explicit WindowAttention(const SwinBlockOptions& options);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    void add_positions();
    [[nodiscard]] torch::Tensor bias();
    [[nodiscard]] torch::Tensor attend_in_windows(const torch::Tensor& windows, const torch::Tensor& mask);

    SwinBlockOptions options_;
    torch::Tensor table_, scale_, coordinates_;
    torch::Tensor index_;  ///< not the buffer, which torch turns into a real number with the rest
    torch::nn::Linear qkv_{nullptr}, project_{nullptr}, bias1_{nullptr}, bias2_{nullptr};
};

/// Attention and perceptron, each beside the identity: normalised before them in version 1, behind them in 2.
class SwinBlock : public Block {
  public:
    explicit SwinBlock(const SwinBlockOptions& options);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    int version_;
    torch::nn::LayerNorm norm1_, norm2_;
    std::shared_ptr<WindowAttention> attention_;
    std::shared_ptr<StochasticDepth> depth_;
    std::shared_ptr<Perceptron> perceptron_;
};

/// Four neighbours side by side, 4 C channels, projected to 2 C.
class PatchMerging : public Block {
  public:
    PatchMerging(std::int64_t width, int version);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    int version_;
    torch::nn::Linear reduction_;
    torch::nn::LayerNorm norm_;
};

}  // namespace attune::detail
