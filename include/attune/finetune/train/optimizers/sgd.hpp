#pragma once

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

struct SgdOptions {
    double momentum = 0;  ///< in [0, 1)
    double dampening = 0;
    bool nesterov = false;
};

/// Stochastic gradient descent with heavy-ball or Nesterov momentum (Sutskever et al. 2013) as torch has it;
/// weight decay is added to the gradient.
class Sgd : public ParameterwiseOptimizer {
  public:
    Sgd(std::vector<OptimizerGroup> groups, SgdOptions options = {});
    void set_momentum(double momentum) override { options_.momentum = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;
    bool update_together(const Members& members, double learning_rate, const OptimizerGroup& group) override;

  private:
    SgdOptions options_;
};

struct AsgdOptions {
    double decay = 1e-4;              ///< lambda: how the rate falls, and how the weights shrink
    double power = 0.75;              ///< of the falling rate
    double average_from = 1'000'000;  ///< updates before averaging begins
};

/// Averaged stochastic gradient descent (Polyak and Juditsky 1992); the averages are part of the state.
class Asgd : public ParameterwiseOptimizer {
  public:
    Asgd(std::vector<OptimizerGroup> groups, AsgdOptions options = {});

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    AsgdOptions options_;
};

}  // namespace attune
