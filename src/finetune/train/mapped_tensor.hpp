#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace attune::detail {

/// An unset tensor whose memory is a file in `folder` that has no name and goes with the tensor. Its room is
/// reserved at once, so that a full disk is told now and not by a signal later. Throws FileError.
[[nodiscard]] torch::Tensor mapped_tensor(const std::filesystem::path& folder,
                                          const std::vector<std::int64_t>& sizes, torch::ScalarType type);

}  // namespace attune::detail
