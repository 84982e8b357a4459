#include "attune/finetune/train/gradient_scale.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include "attune/finetune/train/optimizer.hpp"

namespace attune {

bool GradientScale::unscale(const std::vector<OptimizerGroup>& groups) {
    const torch::NoGradGuard no_gradients;
    bool finite = true;
    for (const auto& group : groups)
        for (const auto& parameter : group.parameters) {
            if (!parameter.grad().defined()) continue;
            parameter.grad().mul_(1 / scale);
            finite = finite && torch::isfinite(parameter.grad()).all().item<bool>();
        }
    if (!finite) {
        scale *= backoff;
        good_updates = 0;
        return false;
    }
    if (++good_updates >= growth_interval) {
        scale *= growth;
        good_updates = 0;
    }
    return true;
}

}  // namespace attune
