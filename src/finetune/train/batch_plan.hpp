#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/train/recipe.hpp"

namespace attune::detail {

/// Which samples each batch of a training shows: a function of data, recipe and epoch alone, so that a
/// training can be continued in the middle of an epoch.
class BatchPlan {
  public:
    BatchPlan(const ImageData& data, const Recipe& recipe);

    /// Draws the order of an epoch (counted from 1).
    void begin_epoch(std::int64_t epoch);

    /// Rows of the data in one batch of the epoch; valid until the next begin_epoch().
    [[nodiscard]] std::span<const std::int64_t> batch(std::size_t index) const;

    [[nodiscard]] std::size_t batches() const { return borders_.size() - 1; }
    [[nodiscard]] std::int64_t samples() const { return static_cast<std::int64_t>(borders_.back()); }

    /// Updates an epoch: batches by the recipe's accumulation_steps, rounded up.
    [[nodiscard]] std::int64_t updates() const;

  private:
    [[nodiscard]] std::vector<std::int64_t> balanced(std::int64_t epoch) const;

    const ImageData& data_;
    const Recipe& recipe_;
    std::vector<std::size_t> borders_;  ///< first position of each batch, and the end
    std::vector<std::int64_t> order_;
};

}  // namespace attune::detail
