#pragma once

#include <string>
#include <vector>

#include "attune/finetune/data/equal_pictures.hpp"
#include "attune/finetune/data/image_data.hpp"

namespace attune {

/// What is odd about a data set with a split and does not keep it from being trained on, a sentence each:
/// classes that a part lacks, pictures or groups that are in two parts, the same picture with two labels in
/// the training part. With counts and the names of the first few. `digests` are of the same pictures.
[[nodiscard]] std::vector<std::string> remarks_on(const ImageData& data, const PictureDigests& digests);

}  // namespace attune
