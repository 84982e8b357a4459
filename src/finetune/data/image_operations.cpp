#include "attune/finetune/data/image_operations.hpp"

#include <torch/nn/functional/padding.h>
#include <torch/nn/functional/upsampling.h>
#include <torch/types.h>

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "attune/error.hpp"

namespace attune::image {
namespace {

namespace F = torch::nn::functional;

void require(bool holds, const std::string& message) {
    if (!holds) throw InvalidOption(message);
}

/// As N x C x H x W, whatever came.
torch::Tensor batched(const torch::Tensor& pixels) {
    require(pixels.dim() >= 2 && torch::isFloatingType(pixels.scalar_type()),
            "pictures must be floating-point tensors of at least two dimensions");
    if (pixels.dim() == 2) return pixels.unsqueeze(0).unsqueeze(0);
    if (pixels.dim() == 3) return pixels.unsqueeze(0);
    return pixels.flatten(0, pixels.dim() - 4);
}

torch::Tensor like(const torch::Tensor& result, const torch::Tensor& given) {
    auto sizes = given.sizes().vec();
    sizes[sizes.size() - 2] = result.size(2);
    sizes[sizes.size() - 1] = result.size(3);
    return result.reshape(sizes);
}

std::int64_t height_of(const torch::Tensor& pixels) { return pixels.size(-2); }
std::int64_t width_of(const torch::Tensor& pixels) { return pixels.size(-1); }

torch::Tensor padded(const torch::Tensor& pixels, const Border& border, F::PadFuncOptions::mode_t mode,
                     double value) {
    require(border.left >= 0 && border.top >= 0 && border.right >= 0 && border.bottom >= 0,
            "widths of a border must be at least 0");
    const auto options = F::PadFuncOptions({border.left, border.right, border.top, border.bottom});
    return like(F::pad(batched(pixels), F::PadFuncOptions(options).mode(mode).value(value)), pixels);
}

}  // namespace

torch::Tensor resize(const torch::Tensor& pixels, std::int64_t height, std::int64_t width,
                     Interpolation interpolation, bool antialias) {
    require(height >= 1 && width >= 1, "a picture cannot be resized to " + std::to_string(height) + " x " +
                                           std::to_string(width) + "; sides must be at least 1");
    const auto batch = batched(pixels);
    if (interpolation == Interpolation::nearest) {
        const auto options = F::InterpolateFuncOptions().size(std::vector<std::int64_t>{height, width});
        return like(F::interpolate(batch, F::InterpolateFuncOptions(options).mode(torch::kNearest)), pixels);
    }
    const std::array<std::int64_t, 2> sides{height, width};
    const bool cubic = interpolation == Interpolation::bicubic;
    if (antialias)
        return like(cubic ? at::_upsample_bicubic2d_aa(batch, sides, false)
                          : at::_upsample_bilinear2d_aa(batch, sides, false),
                    pixels);
    return like(
        cubic ? at::upsample_bicubic2d(batch, sides, false) : at::upsample_bilinear2d(batch, sides, false),
        pixels);
}

torch::Tensor resize_short_side(const torch::Tensor& pixels, std::int64_t size, Interpolation interpolation,
                                bool antialias) {
    const auto height = height_of(pixels);
    const auto width = width_of(pixels);
    return height <= width ? resize(pixels, size, size * width / height, interpolation, antialias)
                           : resize(pixels, size * height / width, size, interpolation, antialias);
}

torch::Tensor crop(const torch::Tensor& pixels, std::int64_t top, std::int64_t left, std::int64_t height,
                   std::int64_t width) {
    require(top >= 0 && left >= 0 && height >= 1 && width >= 1 && top + height <= height_of(pixels) &&
                left + width <= width_of(pixels),
            "a crop must lie inside the picture");
    return pixels.narrow(-2, top, height).narrow(-1, left, width).clone();
}

torch::Tensor centre_crop(const torch::Tensor& pixels, std::int64_t height, std::int64_t width) {
    const auto missing_rows = std::max<std::int64_t>(height - height_of(pixels), 0);
    const auto missing_columns = std::max<std::int64_t>(width - width_of(pixels), 0);
    const auto wide = missing_rows + missing_columns == 0
                          ? pixels
                          : image::pad(pixels, Border{missing_columns / 2, missing_rows / 2,
                                                      (missing_columns + 1) / 2, (missing_rows + 1) / 2});
    // Halves are rounded to even, as torchvision's are.
    const auto offset = [](std::int64_t room) {
        return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(room) / 2));
    };
    return crop(wide, offset(height_of(wide) - height), offset(width_of(wide) - width), height, width);
}

torch::Tensor resized_crop(const torch::Tensor& pixels, std::int64_t top, std::int64_t left,
                           std::int64_t height, std::int64_t width, std::int64_t new_height,
                           std::int64_t new_width, Interpolation interpolation, bool antialias) {
    return resize(crop(pixels, top, left, height, width), new_height, new_width, interpolation, antialias);
}

torch::Tensor pad(const torch::Tensor& pixels, const Border& border, double value) {
    return padded(pixels, border, torch::kConstant, value);
}

torch::Tensor pad_reflected(const torch::Tensor& pixels, const Border& border) {
    require(std::max(border.left, border.right) < width_of(pixels) &&
                std::max(border.top, border.bottom) < height_of(pixels),
            "a reflected border must be narrower than the picture");
    return padded(pixels, border, torch::kReflect, 0);
}

torch::Tensor flip_horizontally(const torch::Tensor& pixels) { return pixels.flip({-1}); }
torch::Tensor flip_vertically(const torch::Tensor& pixels) { return pixels.flip({-2}); }

torch::Tensor erase(const torch::Tensor& pixels, std::int64_t top, std::int64_t left, std::int64_t height,
                    std::int64_t width, double value) {
    require(top >= 0 && left >= 0 && height >= 0 && width >= 0 && top + height <= height_of(pixels) &&
                left + width <= width_of(pixels),
            "an erased rectangle must lie inside the picture");
    auto result = pixels.clone();
    result.narrow(-2, top, height).narrow(-1, left, width).fill_(value);
    return result;
}

torch::Tensor erase(const torch::Tensor& pixels, std::int64_t top, std::int64_t left, std::int64_t height,
                    std::int64_t width, const std::array<double, 3>& colour) {
    require(pixels.dim() >= 3 && pixels.size(-3) == 3, "a colour is for pictures ... x 3 x H x W");
    auto result = erase(pixels, top, left, height, width, colour[0]);
    auto window = result.narrow(-2, top, height).narrow(-1, left, width);
    for (std::int64_t channel = 1; channel < 3; ++channel)
        window.select(-3, channel).fill_(colour[static_cast<std::size_t>(channel)]);
    return result;
}

torch::Tensor gaussian_blur(const torch::Tensor& pixels, std::int64_t kernel_size, double sigma) {
    require(kernel_size >= 1 && kernel_size % 2 == 1,
            "kernel_size " + std::to_string(kernel_size) + " must be odd and at least 1");
    require(sigma > 0, "sigma " + std::to_string(sigma) + " must be above 0");
    const auto half = kernel_size / 2;
    const auto at = torch::arange(-half, half + 1, torch::kFloat64);
    auto kernel = torch::exp(-0.5 * (at / sigma).square());
    kernel = (kernel / kernel.sum()).to(pixels.scalar_type());
    const auto wide = batched(pad_reflected(pixels, {half, half, half, half}));
    const auto flat = wide.reshape({-1, 1, wide.size(2), wide.size(3)});
    const auto rows = torch::conv2d(flat, kernel.view({1, 1, 1, kernel_size}));
    return like(torch::conv2d(rows, kernel.view({1, 1, kernel_size, 1}))
                    .view({wide.size(0), wide.size(1), height_of(pixels), width_of(pixels)}),
                pixels);
}

namespace {

/// The picture seen through the matrix (2 x 3, row-major), which leads from places in the result to places in
/// the picture, both in pixels from the centre.
torch::Tensor seen_through(const torch::Tensor& pixels, const std::array<double, 6>& matrix,
                           Interpolation interpolation) {
    require(interpolation != Interpolation::bicubic, "turned pictures are read nearest or bilinear");
    const auto batch = batched(pixels);
    const auto height = static_cast<double>(height_of(pixels));
    const auto width = static_cast<double>(width_of(pixels));
    const auto x = (torch::arange(width_of(pixels), torch::kFloat64) + 0.5 - width / 2).unsqueeze(0);
    const auto y = (torch::arange(height_of(pixels), torch::kFloat64) + 0.5 - height / 2).unsqueeze(1);
    const auto grid = torch::stack({(matrix[0] * x + matrix[1] * y + matrix[2]) / (0.5 * width),
                                    (matrix[3] * x + matrix[4] * y + matrix[5]) / (0.5 * height)},
                                   -1)
                          .to(pixels.scalar_type())
                          .unsqueeze(0)
                          .expand({batch.size(0), -1, -1, -1});
    const std::int64_t mode = interpolation == Interpolation::nearest ? 1 : 0;
    return like(torch::grid_sampler(batch, grid, mode, /*padding_mode=*/0, /*align_corners=*/false), pixels);
}

}  // namespace

torch::Tensor affine(const torch::Tensor& pixels, const Affine& change, Interpolation interpolation) {
    require(change.scale > 0, "scale " + std::to_string(change.scale) + " must be above 0");
    const auto radians = [](double degrees) { return degrees * 3.14159265358979323846 / 180; };
    const double turn = radians(change.degrees) - radians(change.shear_y);
    const double tilt = std::tan(radians(change.shear_x));
    const double lift = std::cos(radians(change.shear_y));
    // Turn times shear, whose inverse is its adjugate (the determinant is 1), divided by the scale.
    const double a = std::cos(turn) / lift;
    const double b = -std::cos(turn) * tilt / lift - std::sin(radians(change.degrees));
    const double c = std::sin(turn) / lift;
    const double d = -std::sin(turn) * tilt / lift + std::cos(radians(change.degrees));
    std::array<double, 6> matrix{d / change.scale,  -b / change.scale, 0,
                                 -c / change.scale, a / change.scale,  0};
    const double x = -change.centre[0] - change.shift_x;
    const double y = -change.centre[1] - change.shift_y;
    matrix[2] = matrix[0] * x + matrix[1] * y + change.centre[0];
    matrix[5] = matrix[3] * x + matrix[4] * y + change.centre[1];
    return seen_through(pixels, matrix, interpolation);
}

torch::Tensor rotate(const torch::Tensor& pixels, double degrees, Interpolation interpolation) {
    return affine(pixels, {.degrees = -degrees}, interpolation);
}

}  // namespace attune::image
