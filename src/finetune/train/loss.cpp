#include "attune/finetune/train/loss.hpp"

#include <torch/nn/functional/loss.h>

namespace attune {

namespace F = torch::nn::functional;

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                            const LossOptions& options) {
    return F::cross_entropy(
        logits, labels,
        F::CrossEntropyFuncOptions().weight(options.class_weights).label_smoothing(options.label_smoothing));
}

torch::Tensor soft_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                 const LossOptions& options) {
    return F::cross_entropy(
        logits, targets,
        F::CrossEntropyFuncOptions().weight(options.class_weights).label_smoothing(options.label_smoothing));
}

torch::Tensor one_hot(const torch::Tensor& labels, std::int64_t classes, torch::ScalarType type) {
    return torch::one_hot(labels, classes).to(type);
}

torch::Tensor mix_with_previous(const torch::Tensor& values, double lambda) {
    return values * lambda + values.roll(1, 0) * (1 - lambda);
}

}  // namespace attune
