#pragma once

#include <array>

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

struct AdamOptions {
    std::array<double, 2> betas{0.9, 0.999};  ///< in [0, 1)
    double epsilon = 1e-8;
    bool amsgrad = false;    ///< keeps the largest second moment (Reddi et al. 2018)
    bool decoupled = false;  ///< weight decay beside the gradient: AdamW (Loshchilov and Hutter 2019)
};

/// Adam (Kingma and Ba 2015) and AdamW.
class Adam : public ParameterwiseOptimizer {
  public:
    Adam(std::vector<OptimizerGroup> groups, AdamOptions options = {});
    void set_momentum(double momentum) override { options_.betas[0] = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;
    bool update_together(const Members& members, double learning_rate, const OptimizerGroup& group) override;

  private:
    AdamOptions options_;
};

/// Adam with the largest gradient in place of the second moment (Kingma and Ba 2015, section 7).
class Adamax : public ParameterwiseOptimizer {
  public:
    Adamax(std::vector<OptimizerGroup> groups, AdamOptions options = {});
    void set_momentum(double momentum) override { options_.betas[0] = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    AdamOptions options_;
};

/// Adam with Nesterov momentum (Dozat 2016). `momentum_decay` is the psi of its momentum schedule.
class NAdam : public ParameterwiseOptimizer {
  public:
    NAdam(std::vector<OptimizerGroup> groups, AdamOptions options = {}, double momentum_decay = 0.004);
    void set_momentum(double momentum) override { options_.betas[0] = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    AdamOptions options_;
    double momentum_decay_;
};

/// Adam with a rectified variance (Liu et al. 2020).
class RAdam : public ParameterwiseOptimizer {
  public:
    RAdam(std::vector<OptimizerGroup> groups, AdamOptions options = {});
    void set_momentum(double momentum) override { options_.betas[0] = momentum; }

  protected:
    void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                double learning_rate, const OptimizerGroup& group) override;

  private:
    AdamOptions options_;
};

}  // namespace attune
