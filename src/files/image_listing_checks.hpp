#pragma once

#include "attune/files/image_dataset.hpp"

namespace attune::detail {

/// Throws FileError, beginning with `source`, for fewer than two classes, a class without samples and, where
/// there are splits, a class without training samples.
void check_classes(const ImageListing& listing, const std::filesystem::path& source);

/// `text` in lower case (ASCII).
[[nodiscard]] std::string lower_case(std::string_view text);

/// Up to five of `names`, separated by commas, and how many more there are.
[[nodiscard]] std::string first_few(const std::vector<std::string>& names);

}  // namespace attune::detail
