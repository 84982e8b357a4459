#include "position_grid.hpp"

#include <torch/nn/functional/upsampling.h>
#include <torch/utils.h>

#include <cmath>

namespace attune::detail {

std::optional<std::int64_t> places_of(const std::vector<std::int64_t>& shape) {
    if (shape.size() != 3 || shape[0] != 1 || shape[1] < 2) return std::nullopt;
    const auto places = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(shape[1] - 1))));
    if (places * places != shape[1] - 1) return std::nullopt;
    return places;
}

torch::Tensor resized_positions(const torch::Tensor& positions, std::int64_t places) {
    const torch::NoGradGuard no_gradients;
    const auto old = places_of(positions.sizes().vec()).value();
    const auto width = positions.size(2);
    const auto grid =
        positions.slice(1, 1).reshape({1, old, old, width}).permute({0, 3, 1, 2}).to(torch::kFloat32);
    namespace functional = torch::nn::functional;
    const auto resized = functional::interpolate(grid, functional::InterpolateFuncOptions()
                                                           .size(std::vector<std::int64_t>{places, places})
                                                           .mode(torch::kBicubic)
                                                           .align_corners(true));
    const auto rest =
        resized.permute({0, 2, 3, 1}).reshape({1, places * places, width}).to(positions.scalar_type());
    return torch::cat({positions.slice(1, 0, 1), rest}, 1);
}

}  // namespace attune::detail
