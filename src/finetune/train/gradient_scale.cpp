#include "attune/finetune/train/gradient_scale.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <vector>

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

bool GradientScale::unscale(const std::vector<OptimizerGroup>& groups) {
    const torch::NoGradGuard no_gradients;
    std::vector<torch::Tensor> all_finite;  // looked at in one go: each look waits for a device
    for (const auto& group : groups)
        for (const auto& parameter : group.parameters) {
            if (!parameter.grad().defined()) continue;
            parameter.grad().mul_(1 / scale);
            all_finite.push_back(torch::isfinite(parameter.grad()).all());
        }
    const bool finite = all_finite.empty() || torch::stack(all_finite).all().item<bool>();
    if (!finite) {
        back_off();
        return false;
    }
    if (++good_updates >= growth_interval) {
        scale *= growth;
        good_updates = 0;
    }
    return true;
}

void GradientScale::back_off() {
    scale *= backoff;
    good_updates = 0;
}

}  // namespace attune
