#pragma once

#include <cstdint>
#include <memory>

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

struct LbfgsOptions {
    std::int64_t iterations = 20;  ///< in one step
    std::int64_t history = 10;
};

/// Limited-memory BFGS with a line search for the strong Wolfe conditions (Nocedal and Wright 2006), torch's
/// own: for small heads on all their samples at once. It has one learning rate and one weight decay: groups
/// that differ in these are refused.
class Lbfgs : public Optimizer {
  public:
    /// Throws InvalidOption for no parameters, and for groups of different learning rates or weight decays.
    Lbfgs(std::vector<OptimizerGroup> groups, LbfgsOptions options = {});
    ~Lbfgs() override;

    void step(const LossClosure& closure) override;
    [[nodiscard]] bool needs_closure() const override { return true; }
    [[nodiscard]] NamedTensors state() const override;
    void load(const NamedTensors& state) override;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace attune
