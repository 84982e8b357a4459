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

/// The same for images in groups (patients, scenes, sources of augmented copies), none of which is in two
/// parts: each group goes as a whole to the part that then comes nearest to its share of every class.
/// `groups` has an entry for each label; an empty one is a group of its own. Parts meet their shares as well
/// as whole groups can. Throws InvalidOption for lengths that differ and where no group is left for a part
/// that has a share.
[[nodiscard]] SplitRows grouped_split(std::span<const std::int64_t> labels,
                                      std::span<const std::string> groups, std::span<const std::int64_t> rows,
                                      const SplitShares& shares, std::uint64_t seed);

/// What a training needs of a split: keeps the parts that are there and draws the missing ones (validation
/// always, test where shares.test > 0) from the training rows; by groups where the data has them. Throws
/// InvalidOption as the two above do, and for a class that would be left without training rows.
[[nodiscard]] ImageData complete_split(const ImageData& data, const SplitShares& shares, std::uint64_t seed);

/// `count` training rows of each class, drawn by seed; validation and test rows stay. A class with fewer rows
/// is refused with an InvalidOption that names it.
[[nodiscard]] ImageData few_shot(const ImageData& data, std::int64_t count, std::uint64_t seed);

/// Stratified folds for cross-validation: copy f has the f-th part of the training and validation rows as
/// validation rows. Data with groups keep each group in one fold, balanced by class and, where that leaves a
/// choice, by number of images; no fold is empty, but a class with fewer groups than there are folds lacks in
/// some (see remarks_on). Throws InvalidOption for fewer than two folds, a class with fewer images than folds
/// or, with groups, fewer groups than folds or a class whose images are all of one group.
[[nodiscard]] std::vector<ImageData> cross_validation(const ImageData& data, std::int64_t folds,
                                                      std::uint64_t seed);

}  // namespace attune
