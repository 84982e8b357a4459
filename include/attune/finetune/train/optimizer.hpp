#pragma once

#include <torch/optim/optimizer.h>
#include <torch/types.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "attune/finetune/train/recipe.hpp"

namespace attune {

class Network;

/// Parameters that share a learning rate and a weight decay.
struct OptimizerGroup {
    std::vector<torch::Tensor> parameters;
    double learning_rate = 0;  ///< before the schedule
    double weight_decay = 0;
};

/// What trains with the first `frozen` stages frozen, from the input to the head, with the recipe's learning
/// rates by depth: the head's is learning_rate * head_learning_rate_multiplier, the stage d steps before it
/// has learning_rate * layerwise_decay^d.
[[nodiscard]] std::vector<OptimizerGroup> optimizer_groups(Network& network, std::size_t frozen,
                                                           const Recipe& recipe);

/// The recipe's optimizer (torch's own) over these groups.
[[nodiscard]] std::unique_ptr<torch::optim::Optimizer> make_optimizer(
    const Recipe& recipe, const std::vector<OptimizerGroup>& groups);

/// Sets every group's learning rate to its own times `factor`.
void scale_learning_rates(torch::optim::Optimizer& optimizer, const std::vector<OptimizerGroup>& groups,
                          double factor);

/// Scales the gradients so that their common 2-norm is at most `limit`; returns the norm before.
double clip_gradients(const std::vector<OptimizerGroup>& groups, double limit);

/// Averaged copies of parameters: the first update copies them, each later one sets average = decay * average
/// + (1 - decay) * parameter (Polyak and Juditsky 1992, with exponential forgetting).
class WeightAverage {
  public:
    WeightAverage(std::vector<torch::Tensor> parameters, double decay);

    void update();

    /// Exchanges the averages and the parameters; a second call puts them back. Nothing before the first
    /// update.
    void swap();

  private:
    std::vector<torch::Tensor> parameters_;
    std::vector<torch::Tensor> averages_;
    double decay_;
};

}  // namespace attune
