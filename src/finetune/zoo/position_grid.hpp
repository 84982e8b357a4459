#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attune::detail {

/// The embedding of positions of vision transformers, and the convolution whose weight tells their patch.
inline const std::string position_grid_name = "encoder.pos_embedding";
inline const std::string patch_name = "conv_proj.weight";

/// Places along a side of the square grid that positions of this shape, 1 x (1 + places^2) x width, are for;
/// nothing for other shapes.
[[nodiscard]] std::optional<std::int64_t> places_of(const std::vector<std::int64_t>& shape);

/// Positions for another grid: those of the class token, then the places' (bicubic, corners aligned, as
/// torchvision's interpolate_embeddings).
[[nodiscard]] torch::Tensor resized_positions(const torch::Tensor& positions, std::int64_t places);

}  // namespace attune::detail
