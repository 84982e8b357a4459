#pragma once

#include <array>

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

struct LambOptions {
    std::array<double, 2> betas{0.9, 0.999};
    double epsilon = 1e-6;
    double largest_gradient_norm = 1;  ///< of all gradients together; 0: not bounded
    bool clip_trust = false;           ///< trust ratios of at most 1 (LAMBC)
};

/// LAMB (You et al. 2020), for large batches: Adam's direction, as long as the weights it moves.
class Lamb : public ParameterwiseOptimizer {
  public:
    Lamb(std::vector<OptimizerGroup> groups, LambOptions options = {});
    void set_momentum(double momentum) override { options_.betas[0] = momentum; }

  protected:
    void begin_step() override;
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    LambOptions options_;
    double divisor_ = 1;  ///< of this step's gradients
};

struct LarsOptions {
    double momentum = 0.9;
    double dampening = 0;
    bool nesterov = false;
    double trust = 1e-3;  ///< share of a weight's norm that a step may have
    double epsilon = 1e-8;
    bool clip_trust = false;  ///< as LARC: rates of at most the learning rate
};

/// LARS (You et al. 2017), for large batches: momentum with a rate for each layer.
class Lars : public ParameterwiseOptimizer {
  public:
    Lars(std::vector<OptimizerGroup> groups, LarsOptions options = {});
    void set_momentum(double momentum) override { options_.momentum = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    LarsOptions options_;
};

}  // namespace attune
