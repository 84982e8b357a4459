#include "attune/finetune/train/loss.hpp"

#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <cmath>

namespace attune {
namespace {

namespace F = torch::nn::functional;

/// -sum_c weight_c target_c (1 - p_c)^gamma log p_c of each sample.
torch::Tensor focal_terms(const torch::Tensor& logits, torch::Tensor targets, const LossOptions& options) {
    const auto logs = torch::log_softmax(logits, 1);
    if (options.label_smoothing > 0)
        targets = targets * (1 - options.label_smoothing) +
                  options.label_smoothing / static_cast<double>(logits.size(1));
    auto terms = -(targets * (1 - logs.exp()).clamp_min(0).pow(options.focal_gamma) * logs);
    if (options.class_weights.defined()) terms = terms * options.class_weights;
    return terms.sum(1);
}

}  // namespace

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                            const LossOptions& options) {
    if (options.focal_gamma > 0) {
        const auto sum =
            focal_terms(logits, one_hot(labels, logits.size(1), logits.scalar_type()), options).sum();
        if (options.class_weights.defined()) return sum / options.class_weights.index_select(0, labels).sum();
        return sum / static_cast<double>(labels.size(0));
    }
    return F::cross_entropy(
        logits, labels,
        F::CrossEntropyFuncOptions().weight(options.class_weights).label_smoothing(options.label_smoothing));
}

torch::Tensor soft_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                 const LossOptions& options) {
    if (options.focal_gamma > 0) return focal_terms(logits, targets, options).mean();
    return F::cross_entropy(
        logits, targets,
        F::CrossEntropyFuncOptions().weight(options.class_weights).label_smoothing(options.label_smoothing));
}

torch::Tensor binary_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                   const LossOptions& options) {
    const auto terms = F::binary_cross_entropy_with_logits(logits, targets,
                                                           F::BinaryCrossEntropyWithLogitsFuncOptions()
                                                               .pos_weight(options.class_weights)
                                                               .reduction(torch::kNone));
    if (options.focal_gamma == 0) return terms.mean();
    const auto probabilities = torch::sigmoid(logits);
    const auto certain = targets * probabilities + (1 - targets) * (1 - probabilities);
    return (terms * (1 - certain).clamp_min(0).pow(options.focal_gamma)).mean();
}

torch::Tensor regression_error(const torch::Tensor& predictions, const torch::Tensor& targets,
                               RegressionLoss kind) {
    switch (kind) {
        case RegressionLoss::squared:
            return F::mse_loss(predictions, targets);
        case RegressionLoss::absolute:
            return F::l1_loss(predictions, targets);
        case RegressionLoss::huber:
            break;
    }
    return F::smooth_l1_loss(predictions, targets);
}

torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher,
                                double temperature) {
    const auto logs = torch::log_softmax(logits / temperature, 1);
    // xlogy is 0 where a probability is 0.
    const auto divergence = (torch::xlogy(teacher, teacher) - teacher * logs).sum(1).mean();
    return divergence * (temperature * temperature);
}

torch::Tensor one_hot(const torch::Tensor& labels, std::int64_t classes, torch::ScalarType type) {
    return torch::one_hot(labels, classes).to(type);
}

torch::Tensor mix_with_previous(const torch::Tensor& values, double lambda) {
    return values * lambda + values.roll(1, 0) * (1 - lambda);
}

double CutBox::kept_share(std::int64_t height, std::int64_t width) const {
    return 1 - static_cast<double>((right - left) * (bottom - top)) / static_cast<double>(height * width);
}

CutBox cut_box(double lambda, std::int64_t centre_x, std::int64_t centre_y, std::int64_t height,
               std::int64_t width) {
    const double share = std::sqrt(1 - lambda);
    const auto half_width = static_cast<std::int64_t>(0.5 * share * static_cast<double>(width));
    const auto half_height = static_cast<std::int64_t>(0.5 * share * static_cast<double>(height));
    return {std::max<std::int64_t>(centre_x - half_width, 0),
            std::max<std::int64_t>(centre_y - half_height, 0), std::min(centre_x + half_width, width),
            std::min(centre_y + half_height, height)};
}

torch::Tensor paste_from_previous(const torch::Tensor& values, const CutBox& box) {
    auto result = values.clone();
    const auto height = box.bottom - box.top;
    const auto width = box.right - box.left;
    const auto window = [&](const torch::Tensor& tensor) {
        return tensor.narrow(2, box.top, height).narrow(3, box.left, width);
    };
    window(result).copy_(window(values).roll(1, 0));
    return result;
}

}  // namespace attune
