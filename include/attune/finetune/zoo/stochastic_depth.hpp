#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>

namespace attune {

/// Leaves out the residual branch of random samples of a batch while training (Huang et al., "Deep Networks
/// with Stochastic Depth", ECCV 2016); the branches that stay are scaled so that the mean is kept.
class StochasticDepth : public torch::nn::Module {
  public:
    /// `probability` of leaving out, in [0, 1). Throws InvalidOption.
    explicit StochasticDepth(double probability);

    [[nodiscard]] double probability() const noexcept { return probability_; }

    /// Throws InvalidOption outside [0, 1).
    void set_probability(double probability);

    /// `branch` (N x ...) itself in evaluation mode or at probability 0.
    torch::Tensor forward(torch::Tensor branch) const;

  private:
    double probability_ = 0;
};

class Network;

/// Sets the probabilities of all stochastic depths of `network`: 0 at the first, `last` at the last, linear
/// in between, as in that paper. Networks without any are left as they are. Throws InvalidOption outside [0,
/// 1).
void set_stochastic_depth(Network& network, double last);

}  // namespace attune
