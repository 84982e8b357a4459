#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "attune/finetune/data/image_data.hpp"

namespace attune {

/// Hashes of all pictures in some part of a data set: one pass over the pictures, after which equal ones are
/// found however the same pictures are split.
class PictureDigests {
  public:
    explicit PictureDigests(const ImageData& data);

    /// Of a row that was in some part; 0 for others.
    [[nodiscard]] std::uint64_t of(std::int64_t row) const { return values_[static_cast<std::size_t>(row)]; }

  private:
    std::vector<std::uint64_t> values_;
};

/// Pairs of rows, the first of part `a` and the second of part `b`, whose stored pictures are the same in
/// every pixel; each row of `b` once, with the first such row of `a`. A picture that is in both the training
/// and another part makes the measured accuracy flatter. `digests` are of the same pictures.
[[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> equal_pictures(
    const ImageData& data, Split a, Split b, const PictureDigests& digests);

/// `data` with equal pictures of its training part in one group (beside the groups that it has), so that no
/// part or fold drawn from it shows what another one has. Without equal pictures: as it is.
[[nodiscard]] ImageData with_equal_pictures_grouped(const ImageData& data, const PictureDigests& digests);

}  // namespace attune
