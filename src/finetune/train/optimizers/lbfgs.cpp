#include "attune/finetune/train/optimizers/lbfgs.hpp"

#include <torch/optim/lbfgs.h>
#include <torch/utils.h>

#include <fmt/format.h>

#include <deque>
#include <sstream>
#include <string>
#include <type_traits>

#include "attune/error.hpp"

namespace attune {
namespace {

using torch::optim::LBFGSParamState;

std::vector<torch::Tensor> all_parameters(const std::vector<OptimizerGroup>& groups) {
    std::vector<torch::Tensor> parameters;
    for (const auto& group : groups)
        parameters.insert(parameters.end(), group.parameters.begin(), group.parameters.end());
    if (parameters.empty()) throw InvalidOption("an optimizer needs parameters");
    return parameters;
}

/// A line search goes along one direction: there is one rate.
void require_alike(const std::vector<OptimizerGroup>& groups) {
    const auto& first = groups.front();
    const auto refuse = [](const char* what, double value, double other, const char* option) {
        throw InvalidOption(fmt::format("lbfgs has one {} for all parameters, not {} and {} (see recipe.{})",
                                        what, value, other, option));
    };
    for (const auto& group : groups) {
        if (group.learning_rate != first.learning_rate)
            refuse("learning rate", first.learning_rate, group.learning_rate,
                   "layerwise_decay and head_learning_rate_multiplier, which must be 1");
        if (group.weight_decay != first.weight_decay)
            refuse("weight decay", first.weight_decay, group.weight_decay,
                   "decay_biases_and_norms, which must be on");
    }
}

torch::Tensor number(double value) { return torch::tensor({value}, torch::kFloat64); }

void append(NamedTensors& state, const std::string& name, const std::deque<torch::Tensor>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) state.emplace_back(name + "." + std::to_string(i), list[i]);
}

/// torch finds a state by the address of the first parameter, which older versions write as text.
template <typename States>
void put(States& states, const torch::Tensor& first, std::unique_ptr<LBFGSParamState> state) {
    auto* address = first.unsafeGetTensorImpl();
    if constexpr (std::is_same_v<typename States::key_type, std::string>) {
        std::ostringstream text;
        text << address;
        states[text.str()] = std::move(state);
    } else {
        states[address] = std::move(state);
    }
}

}  // namespace

struct Lbfgs::Impl {
    Impl(std::vector<torch::Tensor> parameters, const torch::optim::LBFGSOptions& options)
        : torch_optimizer(parameters, options), first(parameters[0]) {}

    torch::optim::LBFGS torch_optimizer;
    torch::Tensor first;  ///< torch keeps the state under it

    /// Null before the first step.
    [[nodiscard]] LBFGSParamState* state() {
        auto& states = torch_optimizer.state();
        for (auto& [key, value] : states) return static_cast<LBFGSParamState*>(value.get());
        return nullptr;
    }
};

Lbfgs::Lbfgs(std::vector<OptimizerGroup> groups, LbfgsOptions options) : Optimizer(std::move(groups)) {
    const auto parameters = all_parameters(this->groups());
    require_alike(this->groups());
    impl_ = std::make_unique<Impl>(parameters, torch::optim::LBFGSOptions(this->groups()[0].learning_rate)
                                                   .max_iter(options.iterations)
                                                   .history_size(options.history)
                                                   .line_search_fn("strong_wolfe"));
}

Lbfgs::~Lbfgs() = default;

void Lbfgs::step(const LossClosure& closure) {
    if (!closure) throw InvalidState("lbfgs evaluates the loss itself: step() needs a closure");
    const auto& first = groups()[0];
    impl_->torch_optimizer.param_groups()[0].options().set_lr(first.learning_rate * first.factor);
    (void)impl_->torch_optimizer.step([&] {
        auto loss = closure();
        if (first.weight_decay == 0) return loss;
        // Coupled: half the decay times the square of the weights is part of the loss.
        const torch::NoGradGuard no_gradients;
        for (const auto& group : groups())
            for (const auto& parameter : group.parameters) {
                if (!parameter.grad().defined()) continue;
                parameter.grad().add_(parameter, first.weight_decay);
                loss = loss + 0.5 * first.weight_decay * parameter.square().sum();
            }
        return loss;
    });
}

NamedTensors Lbfgs::state() const {
    NamedTensors result;
    auto* state = impl_->state();
    if (state == nullptr) return result;
    result.emplace_back("evaluations", number(static_cast<double>(state->func_evals())));
    result.emplace_back("iterations", number(static_cast<double>(state->n_iter())));
    result.emplace_back("step", number(state->t()));
    result.emplace_back("loss", number(state->prev_loss()));
    if (state->d().defined()) result.emplace_back("direction", state->d());
    if (state->H_diag().defined()) result.emplace_back("scale", state->H_diag());
    if (state->prev_flat_grad().defined()) result.emplace_back("gradient", state->prev_flat_grad());
    append(result, "gradient_change", state->old_dirs());
    append(result, "step_taken", state->old_stps());
    append(result, "curvature", state->ro());
    return result;
}

void Lbfgs::load(const NamedTensors& state) {
    auto& states = impl_->torch_optimizer.state();
    states.clear();
    if (state.empty()) return;
    auto fresh = std::make_unique<LBFGSParamState>();
    for (const auto& [name, tensor] : state) {
        const auto starts = [&, &key = name](const char* word) {
            return key.starts_with(std::string(word) + ".");
        };
        if (name == "evaluations")
            fresh->func_evals(static_cast<std::int64_t>(tensor.item<double>()));
        else if (name == "iterations")
            fresh->n_iter(static_cast<std::int64_t>(tensor.item<double>()));
        else if (name == "step")
            fresh->t(tensor.item<double>());
        else if (name == "loss")
            fresh->prev_loss(tensor.item<double>());
        else if (name == "direction")
            fresh->d(tensor.clone());
        else if (name == "scale")
            fresh->H_diag(tensor.clone());
        else if (name == "gradient")
            fresh->prev_flat_grad(tensor.clone());
        else if (starts("gradient_change"))
            fresh->old_dirs().push_back(tensor.clone());
        else if (starts("step_taken"))
            fresh->old_stps().push_back(tensor.clone());
        else if (starts("curvature"))
            fresh->ro().push_back(tensor.clone());
        else
            throw FileError("the state of lbfgs has an entry " + name + ", which it does not know");
    }
    put(states, impl_->first, std::move(fresh));
}

}  // namespace attune
