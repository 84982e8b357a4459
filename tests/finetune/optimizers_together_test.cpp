#include <vector>

#include "attune/finetune/train/optimizers/adam.hpp"
#include "attune/finetune/train/optimizers/sgd.hpp"
#include "finetune/support/quick_recipe.hpp"
#include "support/doctest_torch.hpp"

using namespace attune;

namespace {

/// A rule that moves all parameters of a group at once wherever it can, as on a device.
template <typename Rule>
class Together : public Rule {
  public:
    using Rule::Rule;
    bool was_used = false;

    void step(const LossClosure& closure = {}) override {
        if (++steps_ == 1) return Rule::step(closure);
        typename Rule::Members members;
        auto& group = this->groups().front();
        for (std::size_t i = 0; i < group.parameters.size(); ++i) {
            members.parameters.push_back(group.parameters[i]);
            members.gradients.push_back(group.parameters[i].grad());
        }
        states_.resize(group.parameters.size());
        auto state = this->state();
        for (std::size_t i = 0; i < states_.size(); ++i) {
            states_[i].steps = steps_;
            states_[i].tensors.clear();
            for (const auto& [name, tensor] : state)
                if (name.starts_with(std::to_string(i) + ".") && !name.ends_with("steps"))
                    states_[i].tensors.push_back(tensor);  // shared, not copied
            members.states.push_back(&states_[i]);
        }
        const torch::NoGradGuard no_gradients;
        was_used = this->update_together(members, group.learning_rate * group.factor, group);
    }

  private:
    std::int64_t steps_ = 0;
    std::vector<ParameterState> states_;
};

/// Three parameters after some updates with gradients by formula.
template <typename Rule, typename Options>
std::vector<torch::Tensor> moved(const Options& options, double weight_decay, bool* was_used = nullptr) {
    std::vector<torch::Tensor> parameters;
    for (const std::int64_t size : {1, 4, 9})
        parameters.push_back(torch::linspace(-1, 1, size).requires_grad_(true));
    Rule rule({OptimizerGroup{parameters, 0.1, weight_decay}}, options);
    for (int step = 1; step <= 4; ++step) {
        for (auto& parameter : parameters)
            parameter.mutable_grad() = (parameter.detach() * step).cos() / step;
        rule.step();
    }
    if constexpr (requires { rule.was_used; }) *was_used = rule.was_used;
    return parameters;
}

template <typename Rule, typename Options>
void check_together(const Options& options) {
    for (const double decay : {0.0, 0.2}) {
        bool was_used = false;
        const auto one_by_one = moved<Rule>(options, decay);
        const auto together = moved<Together<Rule>>(options, decay, &was_used);
        CHECK(was_used);
        for (std::size_t i = 0; i < together.size(); ++i)
            CHECK(test::largest_difference(one_by_one[i], together[i]) < 1e-6);
    }
}

}  // namespace

TEST_CASE("rules that move all parameters at once move them as one by one") {
    check_together<Sgd>(SgdOptions{});
    check_together<Sgd>(SgdOptions{.momentum = 0.9, .dampening = 0.1});
    check_together<Sgd>(SgdOptions{.momentum = 0.9, .nesterov = true});
    check_together<Adam>(AdamOptions{});
    check_together<Adam>(AdamOptions{.decoupled = true});
}
