#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "attune/finetune/data/image_data.hpp"

namespace attune {

/// Shares of the images in each part.
struct SplitShares {
    double validation = 0.2;
    double test = 0;

    /// Throws InvalidOption: shares at least 0, their sum below 1.
    void validate() const;
};

/// Draws validation and test rows from `rows`, class by class (stratified): each class gives the shares of
/// its images, rounded so that the totals are met within one image a class and every class keeps a training
/// image. A function of the labels and the seed alone. Throws InvalidOption for a class with too few images,
/// which is named by `classes` where these are given, else by number.
[[nodiscard]] SplitRows stratified_split(std::span<const std::int64_t> labels,
                                         std::span<const std::int64_t> rows, const SplitShares& shares,
                                         std::uint64_t seed, std::span<const std::string> classes = {});

/// What a training needs of a split: keeps the parts that are there and draws the missing ones (validation
/// always, test where shares.test > 0) from the training rows.
[[nodiscard]] ImageData complete_split(const ImageData& data, const SplitShares& shares, std::uint64_t seed);

/// `count` training rows of each class, drawn by seed; validation and test rows stay. A class with fewer rows
/// is refused with an InvalidOption that names it.
[[nodiscard]] ImageData few_shot(const ImageData& data, std::int64_t count, std::uint64_t seed);

/// Stratified folds for cross-validation: copy f has the f-th part of the training and validation rows as
/// validation rows. At least two folds.
[[nodiscard]] std::vector<ImageData> cross_validation(const ImageData& data, std::int64_t folds,
                                                      std::uint64_t seed);

}  // namespace attune
