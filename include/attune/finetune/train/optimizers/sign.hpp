#pragma once

#include <array>

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

/// Lion (Chen et al. 2023): the sign of a mix of gradient and momentum; weight decay is decoupled.
class Lion : public ParameterwiseOptimizer {
  public:
    Lion(std::vector<OptimizerGroup> groups, std::array<double, 2> betas = {0.9, 0.99});
    void set_momentum(double momentum) override { betas_[0] = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    std::array<double, 2> betas_;
};

struct RpropOptions {
    double shrink = 0.5;  ///< of a step whose gradient changed its sign, in (0, 1)
    double grow = 1.2;    ///< of one whose did not, above 1
    double smallest = 1e-6;
    double largest = 50;
};

/// Resilient propagation (Riedmiller and Braun 1993): for gradients of the whole set. The first step is the
/// learning rate; there is no weight decay.
class Rprop : public ParameterwiseOptimizer {
  public:
    Rprop(std::vector<OptimizerGroup> groups, RpropOptions options = {});

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    RpropOptions options_;
};

}  // namespace attune
