#pragma once

#include <torch/types.h>

#include <cstdint>

#include "attune/finetune/train/recipe.hpp"

namespace attune {

struct LossOptions {
    double label_smoothing = 0;  ///< share of each target that is spread evenly over all classes, in [0, 1)
    torch::Tensor class_weights{};  ///< one a class, of the logits' type; undefined: all 1
    double focal_gamma = 0;  ///< each class's term times (1 - probability)^this (Lin et al. 2017); 0: off
};

/// Mean cross entropy of logits (N x C) and labels (N, int64); with weights the mean weighted by each label's
/// weight. Equal to torch's loss of that name. A scalar tensor with gradient.
[[nodiscard]] torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels,
                                          const LossOptions& options = {});

/// The same for targets that are distributions (N x C); the mean over N.
[[nodiscard]] torch::Tensor soft_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                               const LossOptions& options = {});

/// Mean over all entries of the binary cross entropies of logits and targets in [0, 1], both N x K. Entries
/// whose target is 1 count `class_weights` times (one for each of the K labels), and with `focal_gamma` each
/// term counts (1 - probability of the target)^gamma times.
[[nodiscard]] torch::Tensor binary_cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                                                 const LossOptions& options = {});

/// Mean over all entries of squared or absolute differences, or of Huber's with its bend at 1 (Huber 1964).
[[nodiscard]] torch::Tensor regression_error(const torch::Tensor& predictions, const torch::Tensor& targets,
                                             RegressionLoss kind = RegressionLoss::squared);

/// temperature^2 times the mean over N of the Kullback-Leibler divergence of softmax(logits / temperature)
/// from `teacher`, distributions (N x C) that are softened already (Hinton et al. 2015).
[[nodiscard]] torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher,
                                              double temperature);

/// N x classes, of type `type`.
[[nodiscard]] torch::Tensor one_hot(const torch::Tensor& labels, std::int64_t classes,
                                    torch::ScalarType type = torch::kFloat32);

/// lambda of each sample and 1 - lambda of the one before it in the batch (the first takes the last), for
/// inputs and for targets alike (Zhang et al. 2018; between layers Verma et al. 2019). lambda in [0, 1].
[[nodiscard]] torch::Tensor mix_with_previous(const torch::Tensor& values, double lambda);

/// A rectangle of pixels: x in [left, right), y in [top, bottom).
struct CutBox {
    std::int64_t left = 0;
    std::int64_t top = 0;
    std::int64_t right = 0;
    std::int64_t bottom = 0;

    /// Share of a picture that stays outside: the lambda of the targets.
    [[nodiscard]] double kept_share(std::int64_t height, std::int64_t width) const;
};

/// The rectangle of CutMix (Yun et al. 2019): of the share 1 - lambda of the picture around a centre, cut off
/// at the borders; half sides are rounded down.
[[nodiscard]] CutBox cut_box(double lambda, std::int64_t centre_x, std::int64_t centre_y, std::int64_t height,
                             std::int64_t width);

/// A copy of N x C x H x W with the box of each sample taken from the one before it (the first takes the
/// last).
[[nodiscard]] torch::Tensor paste_from_previous(const torch::Tensor& values, const CutBox& box);

}  // namespace attune
