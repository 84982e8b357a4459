#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"

namespace attune::detail {

/// Where a fit's batches come from: kept features where stages are frozen and the views are fixed, else the
/// images.
class TrainingInputs {
  public:
    TrainingInputs(Network& network, const TrainingSet& set, const Recipe& recipe, std::size_t cut,
                   std::int64_t own_cache_bytes);

    /// What enters stage `cut`, augmented for the epoch. Gradients are not recorded.
    [[nodiscard]] torch::Tensor batch(std::span<const std::int64_t> rows, std::int64_t epoch) const;

    /// How validation images are to be read: through all test views, or through the first alone.
    [[nodiscard]] EvaluateOptions evaluate_options(bool quick) const;

    [[nodiscard]] bool uses_features() const { return train_features_ != nullptr; }

  private:
    [[nodiscard]] torch::Tensor kept_batch(std::span<const std::int64_t> rows, std::int64_t epoch) const;

    Network& network_;
    const ImageData& data_;
    const Recipe& recipe_;
    std::size_t cut_;
    std::vector<View> views_;
    std::shared_ptr<FeatureCache> train_features_;
    std::shared_ptr<FeatureCache> validation_features_;
};

}  // namespace attune::detail
