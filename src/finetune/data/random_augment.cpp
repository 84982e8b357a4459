#include "random_augment.hpp"

#include <cmath>
#include <cstdint>
#include <utility>

#include "attune/finetune/data/image_operations.hpp"

namespace attune::detail {
namespace {

constexpr double white = 255;
constexpr double bins = 30;  ///< strengths are 0 to this

/// How far the operations go at full strength.
struct Ranges {
    double shear = 0.3;      ///< pixels a pixel
    double shift_share = 0;  ///< of the side; 0: shift_pixels instead
    double shift_pixels = 0;
    double degrees = 30;
    double factor = 0.9;  ///< of brightness, colour, contrast and sharpness, to either side of 1
    double lost_bits = 4;
};

constexpr Ranges random_ranges{0.3, 150.0 / 331, 0, 30, 0.9, 4};
constexpr Ranges trivial_ranges{0.99, 0, 32, 135, 0.99, 6};

double to_degrees(double radians) { return radians * 180 / 3.14159265358979323846; }

torch::Tensor sheared(const torch::Tensor& pixels, double x, double y) {
    const auto height = static_cast<double>(pixels.size(2));
    const auto width = static_cast<double>(pixels.size(3));
    return image::affine(pixels, {.shear_x = to_degrees(std::atan(x)),
                                  .shear_y = to_degrees(std::atan(y)),
                                  .centre = {-width / 2, -height / 2}});
}

double shift_of(const Ranges& ranges, double strength, std::int64_t side) {
    const double most =
        ranges.shift_share > 0 ? ranges.shift_share * static_cast<double>(side) : ranges.shift_pixels;
    return std::trunc(strength * most);
}

/// Operation 0 to 13 at a strength in [0, 1]; `sign` is 1 or -1.
torch::Tensor apply(std::uint64_t operation, const torch::Tensor& pixels, double strength, double sign,
                    const Ranges& ranges) {
    const double factor = 1 + sign * strength * ranges.factor;
    switch (operation) {
        case 0:
            return sheared(pixels, sign * strength * ranges.shear, 0);
        case 1:
            return sheared(pixels, 0, sign * strength * ranges.shear);
        case 2:
            return image::affine(pixels, {.shift_x = sign * shift_of(ranges, strength, pixels.size(3))});
        case 3:
            return image::affine(pixels, {.shift_y = sign * shift_of(ranges, strength, pixels.size(2))});
        case 4:
            return image::rotate(pixels, sign * strength * ranges.degrees);
        case 5:
            return image::adjust_brightness(pixels, factor, white);
        case 6:
            return image::adjust_saturation(pixels, factor, white);
        case 7:
            return image::adjust_contrast(pixels, factor, white);
        case 8:
            return image::adjust_sharpness(pixels, factor, white);
        case 9:
            return image::posterize(pixels, 8 - static_cast<int>(std::nearbyint(strength * ranges.lost_bits)),
                                    white);
        case 10:
            return image::solarize(pixels, white * (1 - strength), white);
        case 11:
            return image::stretch_contrast(pixels, white);
        case 12:
            return image::equalize(pixels, white);
        default:
            return pixels;
    }
}

constexpr std::uint64_t operation_count = 14;

torch::Tensor drawn(const torch::Tensor& pixels, double strength, const Ranges& ranges,
                    RandomStream& stream) {
    const auto operation = stream.below(operation_count);
    const double sign = stream.below(2) == 0 ? 1 : -1;
    return apply(operation, pixels, strength, sign, ranges);
}

}  // namespace

torch::Tensor random_augment(torch::Tensor pixels, int operations, int magnitude, RandomStream& stream) {
    for (int i = 0; i < operations; ++i)
        pixels = drawn(pixels, static_cast<double>(magnitude) / bins, random_ranges, stream);
    return pixels;
}

torch::Tensor trivial_augment(const torch::Tensor& pixels, RandomStream& stream) {
    const auto strength = static_cast<double>(stream.below(static_cast<std::uint64_t>(bins) + 1)) / bins;
    return drawn(pixels, strength, trivial_ranges, stream);
}

}  // namespace attune::detail
