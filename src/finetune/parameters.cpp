#include "attune/finetune/parameters.hpp"

namespace attune {

std::int64_t count_parameters(const torch::nn::Module& module, bool trainable_only) {
    std::int64_t total = 0;
    for (const auto& parameter : module.parameters())
        if (!trainable_only || parameter.requires_grad()) total += parameter.numel();
    return total;
}

}  // namespace attune
