#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/data/image_data.hpp"

namespace attune {

/// Pairs of rows, the first of part `a` and the second of part `b`, whose stored pictures are the same in
/// every pixel; each row of `b` once, with the first such row of `a`. A picture that is in both the training
/// and another part makes the measured accuracy flatter.
[[nodiscard]] std::vector<std::pair<std::int64_t, std::int64_t>> equal_pictures(const ImageData& data,
                                                                                Split a, Split b);

/// What is odd about a data set with a split and does not keep it from being trained on, a sentence each:
/// classes that a part lacks, pictures that are in two parts, the same picture with two labels in the
/// training part. With counts and the names of the first few.
[[nodiscard]] std::vector<std::string> remarks_on(const ImageData& data);

}  // namespace attune
