#include "linear_head.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include "attune/finetune/train/fit_heads.hpp"
#include "evaluation_mode.hpp"

namespace attune {

namespace detail {

HeadForm form_of_head(Network& network) {
    const torch::NoGradGuard no_gradients;
    const auto parameters = network.named_parameters();
    const auto* weight = parameters.find(network.head_name() + ".weight");
    const auto* bias = parameters.find(network.head_name() + ".bias");
    if (weight == nullptr || weight->dim() != 2) return HeadForm::other;
    const EvaluationMode mode(network);
    const auto width = weight->size(1);
    const auto probe =
        torch::linspace(-1, 1, 3 * width).view({3, width}).to(weight->options().requires_grad(false));
    try {
        const auto said = network.forward_head(probe);
        const auto expected =
            bias == nullptr ? probe.matmul(weight->t()) : torch::addmm(*bias, probe, weight->t());
        if (said.sizes() != expected.sizes() || !torch::allclose(said, expected, 1e-4, 1e-5))
            return HeadForm::other;
    } catch (const c10::Error&) {
        return HeadForm::other;  // features of another shape
    }
    return bias == nullptr ? HeadForm::unbiased : HeadForm::linear;
}

}  // namespace detail

bool has_plain_linear_head(Network& network) {
    return detail::form_of_head(network) == detail::HeadForm::linear;
}

}  // namespace attune
