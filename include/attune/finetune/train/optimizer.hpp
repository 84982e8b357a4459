#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/train/recipe.hpp"

namespace attune {

class Network;

/// Parameters that share a learning rate and a weight decay.
struct OptimizerGroup {
    std::vector<torch::Tensor> parameters;
    double learning_rate = 0;  ///< before the schedule
    double weight_decay = 0;
    std::size_t stage = 0;  ///< of the network; its number of stages for the head
    double factor = 1;      ///< of the schedule, in force for the next step
};

/// Named tensors that an object cannot be continued without.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Evaluates the loss anew and leaves its gradients in the parameters.
using LossClosure = std::function<torch::Tensor()>;

/// Moves parameters along their gradients. The library's own rules (see `optimizers/`) are functions of the
/// gradient and of a small state for each parameter, all of which `state()` tells, so that a training goes on
/// bit for bit; a rule of one's own derives from this or, for the common case, from ParameterwiseOptimizer.
///
/// Thread safety: an optimizer and its parameters belong to one thread at a time.
class Optimizer {
  public:
    explicit Optimizer(std::vector<OptimizerGroup> groups) : groups_(std::move(groups)) {}
    virtual ~Optimizer() = default;
    Optimizer(const Optimizer&) = delete;
    Optimizer& operator=(const Optimizer&) = delete;

    /// One update from the gradients that the parameters hold; those without a gradient stay as they are.
    /// `closure` is called by rules that need the loss several times (see needs_closure), and by no others.
    virtual void step(const LossClosure& closure = {}) = 0;

    /// Whether step() evaluates the loss itself.
    [[nodiscard]] virtual bool needs_closure() const { return false; }

    /// For schedules that move the momentum with the learning rate; rules without one ignore it.
    virtual void set_momentum(double) {}

    /// Everything but parameters, groups and options. Tensors are shared, not copied.
    [[nodiscard]] virtual NamedTensors state() const = 0;

    /// Puts a state back. Throws FileError where names or shapes are not those of this optimizer.
    virtual void load(const NamedTensors& state) = 0;

    /// Drops all gradients.
    void zero_grad();

    [[nodiscard]] std::vector<OptimizerGroup>& groups() { return groups_; }
    [[nodiscard]] const std::vector<OptimizerGroup>& groups() const { return groups_; }

  private:
    std::vector<OptimizerGroup> groups_;
};

/// What a rule keeps for one parameter.
struct ParameterState {
    std::int64_t steps = 0;              ///< updates so far, the present one included
    std::vector<torch::Tensor> tensors;  ///< undefined until the first update
    std::vector<double> numbers;
};

/// A rule that updates each parameter from its own gradient and state.
class ParameterwiseOptimizer : public Optimizer {
  public:
    /// `tensors` and `numbers` name what the rule keeps for each parameter.
    ParameterwiseOptimizer(std::vector<OptimizerGroup> groups, std::vector<std::string> tensors,
                           std::vector<std::string> numbers = {});

    void step(const LossClosure& closure = {}) override;
    [[nodiscard]] NamedTensors state() const override;
    void load(const NamedTensors& state) override;

  protected:
    /// Called once before the parameters of a step; for rules that look at all gradients.
    virtual void begin_step() {}

    /// Moves `parameter`; `learning_rate` is the one in force. Gradients are not recorded.
    virtual void update(torch::Tensor& parameter, const torch::Tensor& gradient, ParameterState& state,
                        double learning_rate, const OptimizerGroup& group) = 0;

    /// Parameters of one group on one device, with gradients and as many updates behind them, at least one.
    struct Members {
        std::vector<torch::Tensor> parameters;
        std::vector<torch::Tensor> gradients;
        std::vector<ParameterState*> states;

        /// One of the rule's tensors for each.
        [[nodiscard]] std::vector<torch::Tensor> tensors(std::size_t index) const;
    };

    /// The same as update() for each of them in a few launches, which a device with many small parameters
    /// otherwise waits for. False, with nothing done, where the rule has no such way.
    virtual bool update_together(const Members& members, double learning_rate, const OptimizerGroup& group);

  private:
    void step_group(OptimizerGroup& group, std::span<ParameterState> states);

    std::vector<std::string> tensors_;
    std::vector<std::string> numbers_;
    std::vector<ParameterState> states_;  ///< one a parameter, in the order of the groups
};

/// What trains with the first `frozen` stages frozen, from the input to the head, with the recipe's learning
/// rates by depth: the head's is learning_rate * head_learning_rate_multiplier, the stage d steps before it
/// has learning_rate * layerwise_decay^d.
[[nodiscard]] std::vector<OptimizerGroup> optimizer_groups(Network& network, std::size_t frozen,
                                                           const Recipe& recipe);

/// The recipe's optimizer over these groups.
[[nodiscard]] std::unique_ptr<Optimizer> make_optimizer(const Recipe& recipe,
                                                        std::vector<OptimizerGroup> groups);

/// The momentum, or the first beta, that the recipe's optimizer has before a schedule moves it.
[[nodiscard]] double momentum_of(const Recipe& recipe);

/// Scales the gradients so that their common norm is at most `limit`; returns the norm before. `norm` is the
/// exponent of the norm, at least 1 (infinity: the largest absolute value).
double clip_gradients(const std::vector<OptimizerGroup>& groups, double limit, double norm = 2);

/// The same without the answer, for which a device would have to be waited for.
void limit_gradients(const std::vector<OptimizerGroup>& groups, double limit, double norm = 2);

}  // namespace attune
