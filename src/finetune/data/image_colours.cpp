#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/data/image_operations.hpp"

namespace attune::image {
namespace {

void require(bool holds, const std::string& message) {
    if (!holds) throw InvalidOption(message);
}

void require_colour(const torch::Tensor& pixels) {
    require(pixels.dim() >= 3 && pixels.size(-3) == 3 && torch::isFloatingType(pixels.scalar_type()),
            "pictures must be floating-point tensors ... x 3 x H x W");
}

void require_factor(double factor) {
    require(factor >= 0, "factor " + std::to_string(factor) + " must be at least 0");
}

/// One channel, with the weights of torchvision.
torch::Tensor grey_channel(const torch::Tensor& pixels) {
    require_colour(pixels);
    return 0.2989 * pixels.narrow(-3, 0, 1) + 0.587 * pixels.narrow(-3, 1, 1) +
           0.114 * pixels.narrow(-3, 2, 1);
}

torch::Tensor blend(const torch::Tensor& pixels, const torch::Tensor& other, double factor, double white) {
    require_factor(factor);
    return (factor * pixels + (1 - factor) * other).clamp_(0, white);
}

struct HueSaturationValue {
    torch::Tensor hue;  ///< share of the circle
    torch::Tensor saturation;
    torch::Tensor value;
};

HueSaturationValue from_rgb(const torch::Tensor& pixels) {
    const auto red = pixels.select(-3, 0);
    const auto green = pixels.select(-3, 1);
    const auto blue = pixels.select(-3, 2);
    const auto most = std::get<0>(pixels.max(-3));
    const auto range = most - std::get<0>(pixels.min(-3));
    const auto none = range == 0;
    const auto divisor = range.masked_fill(none, 1);
    const auto from_most = [&](const torch::Tensor& channel) { return (most - channel) / divisor; };
    const auto is_red = most == red;
    const auto is_green = most == green;
    auto hue = torch::where(
        is_red, from_most(blue) - from_most(green),
        torch::where(is_green, 2 + from_most(red) - from_most(blue), 4 + from_most(green) - from_most(red)));
    hue = (hue / 6 + 1).fmod(1);
    return {hue, range / most.masked_fill(none, 1), most};
}

torch::Tensor to_rgb(const HueSaturationValue& colour) {
    const auto& [hue, saturation, value] = colour;
    const auto sixths = hue * 6;
    const auto sector = sixths.floor();
    const auto rest = sixths - sector;
    const auto index = sector.to(torch::kInt64).remainder(6);
    const auto p = (value * (1 - saturation)).clamp(0, 1);
    const auto q = (value * (1 - saturation * rest)).clamp(0, 1);
    const auto t = (value * (1 - saturation * (1 - rest))).clamp(0, 1);
    const auto pick = [&](const std::vector<torch::Tensor>& by_sector) {
        return torch::stack(by_sector).gather(0, index.unsqueeze(0)).squeeze(0);
    };
    return torch::stack({pick({value, q, p, p, t, value}), pick({t, value, value, q, p, p}),
                         pick({p, p, t, value, value, q})},
                        -3);
}

/// 8-bit levels 0 to 255 as whole floating-point numbers.
torch::Tensor levels_of(const torch::Tensor& pixels, double white) {
    return white == 255 ? pixels.floor() : (pixels * (255.0 + 1.0 - 1e-3) / white).floor();
}

torch::Tensor from_levels(const torch::Tensor& levels, double white) {
    return white == 255 ? levels : levels * (white / 255);
}

/// The table that makes the levels of one channel (flat, whole numbers) equally frequent, as PIL does it.
torch::Tensor equalized_channel(const torch::Tensor& levels) {
    const auto index = levels.to(torch::kInt64).clamp_(0, 255);
    const auto counts = torch::bincount(index, {}, 256);
    const auto occurring = counts.nonzero();
    const auto last = counts[occurring[-1].item<std::int64_t>()].item<std::int64_t>();
    const auto step = (index.numel() - last) / 255;
    if (step == 0) return levels;
    auto table = torch::cumsum(counts, 0);
    table = torch::cat({torch::zeros({1}, torch::kInt64), table.narrow(0, 0, 255)});
    table = torch::div(table + step / 2, step, "floor").clamp_(0, 255);
    return table.index_select(0, index).to(levels.scalar_type());
}

}  // namespace

torch::Tensor grey(const torch::Tensor& pixels) {
    return torch::cat({grey_channel(pixels), grey_channel(pixels), grey_channel(pixels)}, -3);
}

torch::Tensor adjust_brightness(const torch::Tensor& pixels, double factor, double white) {
    require_factor(factor);
    return (pixels * factor).clamp_(0, white);
}

torch::Tensor adjust_contrast(const torch::Tensor& pixels, double factor, double white) {
    return blend(pixels, grey_channel(pixels).mean({-3, -2, -1}, /*keepdim=*/true), factor, white);
}

torch::Tensor adjust_saturation(const torch::Tensor& pixels, double factor, double white) {
    return blend(pixels, grey_channel(pixels), factor, white);
}

torch::Tensor adjust_sharpness(const torch::Tensor& pixels, double factor, double white) {
    require_colour(pixels);
    const auto height = pixels.size(-2);
    const auto width = pixels.size(-1);
    if (height < 3 || width < 3) return pixels.clone();
    auto kernel = torch::ones({1, 1, 3, 3}, pixels.options());
    kernel[0][0][1][1] = 5;
    auto blurred = pixels.clone();
    blurred.narrow(-2, 1, height - 2)
        .narrow(-1, 1, width - 2)
        .copy_(torch::conv2d(pixels.reshape({-1, 1, height, width}), kernel / 13)
                   .view(blurred.narrow(-2, 1, height - 2).narrow(-1, 1, width - 2).sizes()));
    return blend(pixels, blurred, factor, white);
}

torch::Tensor adjust_hue(const torch::Tensor& pixels, double shift, double white) {
    require_colour(pixels);
    require(shift >= -0.5 && shift <= 0.5, "shift " + std::to_string(shift) + " must be in [-0.5, 0.5]");
    auto colour = from_rgb(white == 1 ? pixels : pixels / white);
    colour.hue = (colour.hue + shift).remainder(1);
    const auto result = to_rgb(colour);
    return white == 1 ? result : result * white;
}

torch::Tensor invert(const torch::Tensor& pixels, double white) { return white - pixels; }

torch::Tensor solarize(const torch::Tensor& pixels, double threshold, double white) {
    return torch::where(pixels >= threshold, white - pixels, pixels);
}

torch::Tensor posterize(const torch::Tensor& pixels, int bits, double white) {
    require(bits >= 0 && bits <= 8, "bits " + std::to_string(bits) + " must be in [0, 8]");
    const double step = std::exp2(8 - bits);
    return from_levels((levels_of(pixels, white) / step).floor_() * step, white);
}

torch::Tensor stretch_contrast(const torch::Tensor& pixels, double white) {
    require_colour(pixels);
    const auto least = pixels.amin({-2, -1}, /*keepdim=*/true);
    const auto range = pixels.amax({-2, -1}, /*keepdim=*/true) - least;
    const auto flat = range == 0;
    return torch::where(flat, pixels, (pixels - least) * (white / range.masked_fill(flat, 1)))
        .clamp_(0, white);
}

torch::Tensor equalize(const torch::Tensor& pixels, double white) {
    require_colour(pixels);
    const auto levels = levels_of(pixels, white).reshape({-1, pixels.size(-2) * pixels.size(-1)});
    std::vector<torch::Tensor> channels;
    for (std::int64_t i = 0; i < levels.size(0); ++i) channels.push_back(equalized_channel(levels[i]));
    return from_levels(torch::stack(channels), white).view(pixels.sizes());
}

}  // namespace attune::image
