#pragma once

#include <torch/utils.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"

namespace attune::detail {

/// Throws InvalidOption where the network does not take colour pictures of this side.
void require_side(const Network& network, std::int64_t side);

/// The pictures of a batch as an epoch shows them, in [0, 255]: made when first asked for, once for all who
/// look at them.
class ShownPixels {
  public:
    ShownPixels(const ImageData& data, const Recipe& recipe, std::span<const std::int64_t> rows,
                std::int64_t epoch)
        : data_(data), recipe_(recipe), rows_(rows), epoch_(epoch) {}

    [[nodiscard]] const torch::Tensor& pixels() const;
    [[nodiscard]] std::span<const std::int64_t> rows() const { return rows_; }
    [[nodiscard]] std::int64_t epoch() const { return epoch_; }

  private:
    const ImageData& data_;
    const Recipe& recipe_;
    std::span<const std::int64_t> rows_;
    std::int64_t epoch_;
    mutable torch::Tensor pixels_;
};

/// Where a fit's batches come from: kept features where stages are frozen and the views are fixed, else the
/// images.
class TrainingInputs {
  public:
    /// `cut`: stages that are frozen now.
    TrainingInputs(Network& network, const TrainingSet& set, const Recipe& recipe, std::size_t cut,
                   std::int64_t own_cache_bytes);

    /// What enters stage `cut`, augmented for the epoch, on the network's device. Gradients are not recorded.
    [[nodiscard]] torch::Tensor batch(const ShownPixels& shown) const;
    [[nodiscard]] torch::Tensor batch(std::span<const std::int64_t> rows, std::int64_t epoch) const {
        return batch(ShownPixels(data_, recipe_, rows, epoch));
    }

    /// How validation images are to be read: through all test views, or through the first alone.
    [[nodiscard]] EvaluateOptions evaluate_options(bool quick) const;

    [[nodiscard]] bool uses_features() const { return train_features_ != nullptr; }

  private:
    Network& network_;
    const ImageData& data_;
    const Recipe& recipe_;
    std::size_t cut_;
    std::vector<View> views_;
    std::shared_ptr<FeatureCache> train_features_;
    std::shared_ptr<FeatureCache> validation_features_;
};

/// Logits of a teacher for the very pictures that a training shows.
class Teacher {
  public:
    /// Keeps the teacher's features where the augmentation has few views and they fit in so many bytes.
    Teacher(const TrainingSet& set, const Recipe& recipe, std::int64_t cache_bytes);

    [[nodiscard]] torch::Tensor logits(const ShownPixels& shown) const;

  private:
    std::shared_ptr<Network> network_;
    const Recipe& recipe_;
    std::vector<View> views_;
    std::shared_ptr<FeatureCache> features_;
};

}  // namespace attune::detail
