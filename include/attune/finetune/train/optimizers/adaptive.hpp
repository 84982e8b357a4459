#pragma once

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

struct AdagradOptions {
    double learning_rate_decay = 0;
    double initial_accumulator = 0;
    double epsilon = 1e-10;
};

/// Adagrad (Duchi et al. 2011).
class Adagrad : public ParameterwiseOptimizer {
  public:
    Adagrad(std::vector<OptimizerGroup> groups, AdagradOptions options = {});

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    AdagradOptions options_;
};

struct AdadeltaOptions {
    double rho = 0.9;  ///< of both running averages, in [0, 1)
    double epsilon = 1e-6;
};

/// Adadelta (Zeiler 2012).
class Adadelta : public ParameterwiseOptimizer {
  public:
    Adadelta(std::vector<OptimizerGroup> groups, AdadeltaOptions options = {});

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    AdadeltaOptions options_;
};

struct RmsPropOptions {
    double alpha = 0.99;  ///< of the running mean square, in [0, 1)
    double epsilon = 1e-8;
    double momentum = 0;
    bool centered = false;  ///< by the variance (Graves 2013)
};

/// RMSprop (Tieleman and Hinton 2012).
class RmsProp : public ParameterwiseOptimizer {
  public:
    RmsProp(std::vector<OptimizerGroup> groups, RmsPropOptions options = {});
    void set_momentum(double momentum) override { options_.momentum = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    RmsPropOptions options_;
};

}  // namespace attune
