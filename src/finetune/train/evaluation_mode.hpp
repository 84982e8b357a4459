#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <utility>
#include <vector>

#include "attune/finetune/network.hpp"

namespace attune::detail {

/// Puts the network back into the modes that its modules had, whatever happens.
class EvaluationMode {
  public:
    explicit EvaluationMode(Network& network) : network_(network), training_(network.is_training()) {
        for (const auto& module : network.modules(/*include_self=*/false))
            modes_.emplace_back(module, module->is_training());
        network.eval();
    }
    ~EvaluationMode() {
        // From the outside in, since train() reaches into sub-modules.
        network_.train(training_);
        for (const auto& [module, training] : modes_) module->train(training);
    }
    EvaluationMode(const EvaluationMode&) = delete;
    EvaluationMode& operator=(const EvaluationMode&) = delete;

  private:
    Network& network_;
    bool training_;
    std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> modes_;
};

}  // namespace attune::detail
