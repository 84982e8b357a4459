#pragma once

#include <memory>

#include "attune/finetune/zoo/stochastic_depth.hpp"
#include "layers.hpp"

namespace attune::detail {

/// An inverted residual block as MobileNetV3 and the EfficientNets have it.
struct MobileBlockOptions {
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t expanded = 0;  ///< channels in the middle; no expansion where equal to `in`
    std::int64_t kernel = 3;
    std::int64_t stride = 1;
    std::int64_t squeezed = 0;  ///< channels of the squeeze-and-excitation; none where 0
    Activation squeeze_activation = Activation::relu;
    Activation gate = Activation::sigmoid;
    Activation activation = Activation::relu;
    Norm norm{};
    bool fused = false;  ///< one full convolution expands and filters
    bool drops = false;  ///< has a stochastic depth, of `stochastic_depth`
    double stochastic_depth = 0;
};

/// Expand by 1 x 1, filter by depth, scale the channels, project without activation; added to the input where
/// the shapes allow it. torchvision's names: block.0, block.1 ...
class MobileBlock : public Block {
  public:
    explicit MobileBlock(const MobileBlockOptions& options);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    void add_fused(const MobileBlockOptions& options);
    void add_separable(const MobileBlockOptions& options);
    void add(std::shared_ptr<Block> block);

    std::shared_ptr<Sequence> block_;
    std::shared_ptr<StochasticDepth> depth_;
    int next_ = 0;
    bool residual_;
};

}  // namespace attune::detail
