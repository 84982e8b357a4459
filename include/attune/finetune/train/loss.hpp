#pragma once

#include <torch/types.h>

#include <cstdint>

namespace attune {

struct LossOptions {
    double label_smoothing = 0;  ///< share of each target that is spread evenly over all classes, in [0, 1)
    torch::Tensor class_weights{};  ///< one a class, of the logits' type; undefined: all 1
};

/// Mean cross entropy of logits (N x C) and labels (N, int64); with weights the mean weighted by each label's
/// weight. Equal to torch's loss of that name. A scalar tensor with gradient.
[[nodiscard]] torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                                          const LossOptions& options = {});

/// The same for targets that are distributions (N x C); the mean over N.
[[nodiscard]] torch::Tensor soft_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                               const LossOptions& options = {});

/// N x classes, of type `type`.
[[nodiscard]] torch::Tensor one_hot(const torch::Tensor& labels, std::int64_t classes,
                                    torch::ScalarType type = torch::kFloat32);

/// lambda of each sample and 1 - lambda of the one before it in the batch (the first takes the last), for
/// inputs and for targets alike (Zhang et al. 2018; between layers Verma et al. 2019). lambda in [0, 1].
[[nodiscard]] torch::Tensor mix_with_previous(const torch::Tensor& values, double lambda);

}  // namespace attune
