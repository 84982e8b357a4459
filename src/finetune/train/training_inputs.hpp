#pragma once

#include <torch/utils.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"
#include "device.hpp"
#include "pictures_ahead.hpp"

namespace attune::detail {

/// Throws InvalidOption where the network does not take colour pictures of this side.
void require_side(const Network& network, std::int64_t side);

/// The pictures of a batch as an epoch shows them, in [0, 255]: made when first asked for, once for all who
/// look at them.
class ShownPixels {
  public:
    ShownPixels(PicturesAhead& source, std::span<const std::int64_t> rows, std::int64_t epoch)
        : source_(source), rows_(rows), epoch_(epoch) {}

    [[nodiscard]] const torch::Tensor& pixels() const {
        if (!pixels_.defined()) pixels_ = source_.take(rows_, epoch_);
        return pixels_;
    }
    [[nodiscard]] std::span<const std::int64_t> rows() const { return rows_; }
    [[nodiscard]] std::int64_t epoch() const { return epoch_; }

  private:
    PicturesAhead& source_;
    std::span<const std::int64_t> rows_;
    std::int64_t epoch_;
    mutable torch::Tensor pixels_;
};

/// Whether a training whose first `cut` stages are frozen can read all that enters the others from `cache`.
[[nodiscard]] bool reads_features(FeatureCache& cache, const Recipe& recipe, std::size_t cut);

/// Where a fit's batches come from: kept features where stages are frozen and the views are fixed, else the
/// images.
class TrainingInputs {
  public:
    /// `cut`: stages that are frozen now.
    TrainingInputs(Network& network, const TrainingSet& set, const Recipe& recipe, std::size_t cut,
                   std::int64_t own_cache_bytes);
    TrainingInputs(const TrainingInputs&) = delete;
    TrainingInputs& operator=(const TrainingInputs&) = delete;

    /// What enters stage `cut`, augmented for the epoch, on the network's device. Gradients are not recorded.
    [[nodiscard]] torch::Tensor batch(const ShownPixels& shown) const;
    [[nodiscard]] torch::Tensor batch(std::span<const std::int64_t> rows, std::int64_t epoch) const {
        return batch(shown(rows, epoch));
    }

    /// `rows` must outlive it.
    [[nodiscard]] ShownPixels shown(std::span<const std::int64_t> rows, std::int64_t epoch) const {
        return {pictures_, rows, epoch};
    }

    /// Says which rows come next: they are read, and for a device made ready, while others are learnt from.
    void look_ahead(std::span<const std::int64_t> rows, std::int64_t epoch) const;

    /// How validation images are to be read: through all test views, or through the first alone.
    [[nodiscard]] EvaluateOptions evaluate_options(bool quick) const;

    /// Where the network computes.
    [[nodiscard]] torch::Device device() const { return network_.parameters().front().device(); }

    [[nodiscard]] bool uses_features() const { return train_features_ != nullptr; }

  private:
    Network& network_;
    const ImageData& data_;
    const Recipe& recipe_;
    std::size_t cut_;
    std::vector<View> views_;
    mutable PicturesAhead pictures_;
    std::shared_ptr<FeatureCache> train_features_;
    std::shared_ptr<FeatureCache> validation_features_;
};

/// Logits of a teacher for the very pictures that a training shows.
class Teacher {
  public:
    /// Keeps the teacher's features where the augmentation has few views and they fit in the fit's own bytes.
    /// While it lives the teacher is on the fit's device.
    Teacher(const TrainingSet& set, const Recipe& recipe, const FitOptions& options);

    [[nodiscard]] torch::Tensor logits(const ShownPixels& shown) const;

  private:
    std::shared_ptr<Network> network_;
    std::optional<Visit> visit_;
    const Recipe& recipe_;
    std::vector<View> views_;
    std::shared_ptr<FeatureCache> features_;
};

}  // namespace attune::detail
