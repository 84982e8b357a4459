#pragma once

#include <array>
#include <cstdint>

namespace at {
class Tensor;
}

namespace attune {

/// How values between pixels are read.
enum class Interpolation { nearest, bilinear, bicubic };

/// Operations on pictures: floating-point tensors ... x H x W (colour ones ... x 3 x H x W) with black 0 and
/// white `white` (1, or 255). They agree with torchvision's of the like name on such tensors; the result is
/// never the tensor that was given. All are functions of their arguments alone and may be called from several
/// threads. They throw InvalidOption for tensors of other shapes and arguments out of range.
namespace image {

/// Antialiased where pictures shrink, unless that is off (`nearest` never is).
[[nodiscard]] at::Tensor resize(const at::Tensor& pixels, std::int64_t height, std::int64_t width,
                                Interpolation interpolation = Interpolation::bilinear, bool antialias = true);

/// The short side becomes `size`; the long one keeps the proportions, rounded down.
[[nodiscard]] at::Tensor resize_short_side(const at::Tensor& pixels, std::int64_t size,
                                           Interpolation interpolation = Interpolation::bilinear,
                                           bool antialias = true);

[[nodiscard]] at::Tensor crop(const at::Tensor& pixels, std::int64_t top, std::int64_t left,
                              std::int64_t height, std::int64_t width);

/// The middle; black is added where the picture is too small.
[[nodiscard]] at::Tensor centre_crop(const at::Tensor& pixels, std::int64_t height, std::int64_t width);

[[nodiscard]] at::Tensor resized_crop(const at::Tensor& pixels, std::int64_t top, std::int64_t left,
                                      std::int64_t height, std::int64_t width, std::int64_t new_height,
                                      std::int64_t new_width,
                                      Interpolation interpolation = Interpolation::bilinear,
                                      bool antialias = true);

/// Widths of a border.
struct Border {
    std::int64_t left = 0;
    std::int64_t top = 0;
    std::int64_t right = 0;
    std::int64_t bottom = 0;
};

[[nodiscard]] at::Tensor pad(const at::Tensor& pixels, const Border& border, double value = 0);

/// With the picture mirrored at its edges (the edge itself is not repeated).
[[nodiscard]] at::Tensor pad_reflected(const at::Tensor& pixels, const Border& border);

[[nodiscard]] at::Tensor flip_horizontally(const at::Tensor& pixels);
[[nodiscard]] at::Tensor flip_vertically(const at::Tensor& pixels);

/// One channel kept as three equal ones.
[[nodiscard]] at::Tensor grey(const at::Tensor& pixels);

/// Colours between black (0), the picture (1) and beyond, cut at black and white; `factor` at least 0.
[[nodiscard]] at::Tensor adjust_brightness(const at::Tensor& pixels, double factor, double white = 1);
/// The same between the picture's mean grey and itself.
[[nodiscard]] at::Tensor adjust_contrast(const at::Tensor& pixels, double factor, double white = 1);
/// The same between the grey picture and itself.
[[nodiscard]] at::Tensor adjust_saturation(const at::Tensor& pixels, double factor, double white = 1);
/// The same between a blurred picture and itself (sides of at least 3).
[[nodiscard]] at::Tensor adjust_sharpness(const at::Tensor& pixels, double factor, double white = 1);
/// Turns the hue by this share of the circle, in [-0.5, 0.5].
[[nodiscard]] at::Tensor adjust_hue(const at::Tensor& pixels, double shift, double white = 1);

[[nodiscard]] at::Tensor invert(const at::Tensor& pixels, double white = 1);
/// Inverts values from `threshold` on.
[[nodiscard]] at::Tensor solarize(const at::Tensor& pixels, double threshold, double white = 1);
/// Keeps the upper bits of 8-bit levels, 0 to 8.
[[nodiscard]] at::Tensor posterize(const at::Tensor& pixels, int bits, double white = 1);
/// Each channel stretched to run from black to white.
[[nodiscard]] at::Tensor stretch_contrast(const at::Tensor& pixels, double white = 1);
/// Each channel's 8-bit levels made equally frequent.
[[nodiscard]] at::Tensor equalize(const at::Tensor& pixels, double white = 1);

/// Gaussian, with reflected borders; `kernel_size` odd, sigma above 0.
[[nodiscard]] at::Tensor gaussian_blur(const at::Tensor& pixels, std::int64_t kernel_size, double sigma);

/// By degrees counter-clockwise about the centre; black comes in at the corners.
[[nodiscard]] at::Tensor rotate(const at::Tensor& pixels, double degrees,
                                Interpolation interpolation = Interpolation::nearest);

struct Affine {
    double degrees = 0;  ///< clockwise
    double shift_x = 0;  ///< in pixels, to the right
    double shift_y = 0;  ///< in pixels, down
    double scale = 1;    ///< above 0
    double shear_x = 0;  ///< in degrees
    double shear_y = 0;  ///< in degrees
    /// About this point, in pixels from the centre.
    std::array<double, 2> centre{0, 0};
};

/// Turns, shears, scales and shifts about a point; black comes in.
[[nodiscard]] at::Tensor affine(const at::Tensor& pixels, const Affine& change,
                                Interpolation interpolation = Interpolation::nearest);

/// A rectangle of colour pictures filled with a colour.
[[nodiscard]] at::Tensor erase(const at::Tensor& pixels, std::int64_t top, std::int64_t left,
                               std::int64_t height, std::int64_t width, const std::array<double, 3>& colour);

/// A rectangle filled with a value.
[[nodiscard]] at::Tensor erase(const at::Tensor& pixels, std::int64_t top, std::int64_t left,
                               std::int64_t height, std::int64_t width, double value = 0);

}  // namespace image
}  // namespace attune
