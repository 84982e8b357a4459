#include "attune/finetune/data/augmentation.hpp"

#include <torch/types.h>

#include <torch/utils.h>

#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/data/image_operations.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/input_spec.hpp"
#include "attune/space/detail/counted.hpp"
#include "random_augment.hpp"
#include "resize.hpp"

namespace attune {
namespace {

enum Purpose : std::uint64_t {
    view_purpose = 0x76696577,
    pixel_purpose = 0x706978656c,
    crops_purpose = 0x63726f7073
};

constexpr std::array<double, 3> mean_colour{123.675, 116.28, 103.53};  ///< of ImageNet, in [0, 255]

template <typename Number>
void require(bool holds, const std::string& field, Number value, const std::string& rule) {
    if (!holds) throw InvalidOption(field + " " + std::to_string(value) + " must be " + rule);
}

torch::Tensor as_float(const torch::Tensor& pixels) {
    return torch::isFloatingType(pixels.scalar_type()) ? pixels : pixels.to(torch::kFloat32);
}

torch::Tensor resized(const torch::Tensor& pixels, std::int64_t size) {
    if (pixels.size(2) == size && pixels.size(3) == size) return pixels;
    return image::resize(as_float(pixels), size, size);
}

torch::Tensor centre(const torch::Tensor& pixels, std::int64_t size) {
    if (pixels.size(2) == size) return pixels;
    const auto offset = (pixels.size(2) - size) / 2;
    return image::crop(pixels, offset, offset, size, size);
}

torch::Tensor crop_of(const torch::Tensor& pixels, const View& view) {
    if (view.zoom == 1) return pixels;
    const auto side = static_cast<double>(pixels.size(2));
    const auto crop = std::max<std::int64_t>(1, std::llround(side / view.zoom));
    const double room = (side - static_cast<double>(crop)) / 2;
    const auto left = std::llround(room * (1 + view.shift_x));
    const auto top = std::llround(room * (1 + view.shift_y));
    return image::crop(pixels, top, left, crop, crop);
}

torch::Tensor turned(torch::Tensor pixels, const View& view) {
    if (view.quarter_turns != 0) pixels = pixels.rot90(view.quarter_turns, {2, 3});
    if (view.horizontal_flip) pixels = image::flip_horizontally(pixels);
    if (view.vertical_flip) pixels = image::flip_vertically(pixels);
    return pixels;
}

/// A crop of the square, resized to `size`: bytes stay bytes, as PIL's do.
torch::Tensor resized_crop(const torch::Tensor& pixels, const detail::Window& window, std::int64_t size) {
    if (pixels.scalar_type() != torch::kUInt8)
        return resized(image::crop(pixels, window.top, window.left, window.height, window.width), size);
    const auto planes = pixels.contiguous();
    const auto picture =
        detail::interleaved(planes.data_ptr<std::uint8_t>(), planes.size(2), planes.size(3), window);
    const auto bytes =
        detail::resize_window(picture.data(), window.height, window.width, size, size, {0, 0, size, size});
    auto result = torch::empty({1, 3, size, size}, torch::kUInt8);
    std::ranges::copy(bytes, result.data_ptr<std::uint8_t>());
    return result;
}

/// A crop of the square at random place, size and proportions, resized to `size`; ten tries, then the whole.
torch::Tensor random_resized_crop(const torch::Tensor& pixels, const Augmentation& augmentation,
                                  detail::RandomStream& stream, std::int64_t size) {
    const auto side = pixels.size(2);
    const double log_aspect = std::log(augmentation.max_aspect_ratio);
    for (int attempt = 0; attempt < 10; ++attempt) {
        const double area = static_cast<double>(side * side) * stream.uniform(augmentation.min_crop_area, 1);
        const double aspect = std::exp(stream.uniform(-log_aspect, log_aspect));
        const auto width = std::llround(std::sqrt(area * aspect));
        const auto height = std::llround(std::sqrt(area / aspect));
        if (width < 1 || height < 1 || width > side || height > side) continue;
        const auto top =
            static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side - height + 1)));
        const auto left =
            static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side - width + 1)));
        return resized_crop(pixels, {top, left, height, width}, size);
    }
    return resized_crop(pixels, {0, 0, side, side}, size);
}

/// A window of `size` shifted from the centre, with a reflected border where the margin ends.
torch::Tensor random_shift(const torch::Tensor& pixels, std::int64_t padding, detail::RandomStream& stream,
                           std::int64_t size) {
    const auto span = static_cast<std::uint64_t>(2 * padding + 1);
    const auto dx = static_cast<std::int64_t>(stream.below(span)) - padding;
    const auto dy = static_cast<std::int64_t>(stream.below(span)) - padding;
    const auto margin = (pixels.size(2) - size) / 2;
    auto wide = pixels;
    std::int64_t border = 0;
    if (padding > margin) {
        border = std::min(padding - margin, pixels.size(2) - 1);
        wide = image::pad_reflected(as_float(pixels), {border, border, border, border});
        if (pixels.scalar_type() == torch::kUInt8) wide = wide.to(torch::kUInt8);
    }
    const auto last = wide.size(2) - size;
    const auto at = [&](std::int64_t shift) {
        return std::clamp<std::int64_t>(margin + border + shift, 0, last);
    };
    return image::crop(wide, at(dy), at(dx), size, size);
}

double factor(double spread, detail::RandomStream& stream) { return stream.uniform(1 - spread, 1 + spread); }

torch::Tensor colour_jitter(torch::Tensor pixels, const Augmentation& augmentation,
                            detail::RandomStream& stream) {
    constexpr double white = 255;
    if (augmentation.brightness > 0)
        pixels = image::adjust_brightness(pixels, factor(augmentation.brightness, stream), white);
    if (augmentation.contrast > 0)
        pixels = image::adjust_contrast(pixels, factor(augmentation.contrast, stream), white);
    if (augmentation.saturation > 0)
        pixels = image::adjust_saturation(pixels, factor(augmentation.saturation, stream), white);
    if (augmentation.hue > 0)
        pixels = image::adjust_hue(pixels, stream.uniform(-augmentation.hue, augmentation.hue), white);
    return pixels;
}

torch::Tensor erased(const torch::Tensor& pixels, detail::RandomStream& stream) {
    const auto side = pixels.size(2);
    const double area = static_cast<double>(side * side) * stream.uniform(0.02, 0.2);
    const double aspect = std::exp(stream.uniform(-1, 1));
    const auto bounded = [&](double length) {
        return std::clamp<std::int64_t>(std::llround(length), 1, side);
    };
    const auto width = bounded(std::sqrt(area * aspect));
    const auto height = bounded(std::sqrt(area / aspect));
    const auto top = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side - height + 1)));
    const auto left = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(side - width + 1)));
    return image::erase(pixels, top, left, height, width, mean_colour);
}

bool changes_colours(const Augmentation& augmentation) {
    return augmentation.random_augment > 0 || augmentation.trivial_augment || augmentation.brightness > 0 ||
           augmentation.contrast > 0 || augmentation.saturation > 0 || augmentation.hue > 0 ||
           augmentation.erase_probability > 0;
}

/// Everything that is not a choice of view, for one image (1 x 3 x S x S).
torch::Tensor augment_one(torch::Tensor pixels, const View& view, const Augmentation& augmentation,
                          detail::RandomStream stream, std::int64_t frame_size) {
    if (augmentation.min_crop_area < 1)
        pixels = random_resized_crop(pixels, augmentation, stream, frame_size);
    else if (augmentation.crop_padding > 0)
        pixels = random_shift(pixels, augmentation.crop_padding, stream, frame_size);
    pixels = render(pixels, view, frame_size);
    if (changes_colours(augmentation)) pixels = as_float(pixels);
    if (augmentation.random_augment > 0)
        pixels = detail::random_augment(pixels, augmentation.random_augment,
                                        augmentation.random_augment_magnitude, stream);
    if (augmentation.trivial_augment) pixels = detail::trivial_augment(pixels, stream);
    pixels = colour_jitter(pixels, augmentation, stream);
    if (augmentation.erase_probability > 0 && stream.uniform() < augmentation.erase_probability)
        pixels = erased(pixels, stream);
    return pixels;
}

/// Renders the images view by view, all of one view at once.
torch::Tensor augment_by_view(const torch::Tensor& pixels, std::span<const std::size_t> chosen,
                              const std::vector<View>& views, std::int64_t frame_size) {
    if (views.size() == 1) return render(pixels, views[0], frame_size);
    std::map<std::size_t, std::vector<std::int64_t>> members;
    for (std::size_t i = 0; i < chosen.size(); ++i)
        members[chosen[i]].push_back(static_cast<std::int64_t>(i));
    // Pictures as they are stay bytes; of several views all are of one type.
    const bool resamples = std::ranges::any_of(views, [](const View& view) { return view.zoom != 1; });
    torch::Tensor result;
    for (const auto& [view, rows] : members) {
        const auto index = torch::tensor(rows, torch::kInt64);
        auto part = render(pixels.index_select(0, index), views[view], frame_size);
        if (resamples) part = as_float(part);
        if (!result.defined())
            result = torch::empty({pixels.size(0), 3, part.size(2), part.size(3)}, part.options());
        result.index_copy_(0, index, part);
    }
    return result;
}

}  // namespace

void View::validate() const {
    require(quarter_turns >= 0 && quarter_turns <= 3, "view.quarter_turns", quarter_turns, "in [0, 3]");
    require(zoom >= 1 && zoom <= 16, "view.zoom", zoom, "in [1, 16]");
    require(shift_x >= -1 && shift_x <= 1, "view.shift_x", shift_x, "in [-1, 1]");
    require(shift_y >= -1 && shift_y <= 1, "view.shift_y", shift_y, "in [-1, 1]");
    require(image_size == 0 || (image_size >= 8 && image_size <= 4096), "view.image_size", image_size,
            "0 or in [8, 4096]");
}

View fixed_crop(int index) {
    require(index >= 0, "fixed crop", index, "at least 0");
    if (index == 0) return {};
    detail::RandomStream stream{crops_purpose, static_cast<std::uint64_t>(index)};
    View view;
    view.zoom = stream.uniform(1.05, 1.4);
    view.shift_x = stream.uniform(-1, 1);
    view.shift_y = stream.uniform(-1, 1);
    return view;
}

void Augmentation::validate() const {
    require(fixed_crops >= 0 && fixed_crops <= 15, "augmentation.fixed_crops", fixed_crops, "in [0, 15]");
    require(crop_padding >= 0 && crop_padding <= 512, "augmentation.crop_padding", crop_padding,
            "in [0, 512]");
    require(min_crop_area > 0 && min_crop_area <= 1, "augmentation.min_crop_area", min_crop_area,
            "in (0, 1]");
    require(max_aspect_ratio >= 1 && max_aspect_ratio <= 10, "augmentation.max_aspect_ratio",
            max_aspect_ratio, "in [1, 10]");
    require(brightness >= 0 && brightness <= 1, "augmentation.brightness", brightness, "in [0, 1]");
    require(contrast >= 0 && contrast <= 1, "augmentation.contrast", contrast, "in [0, 1]");
    require(saturation >= 0 && saturation <= 1, "augmentation.saturation", saturation, "in [0, 1]");
    require(hue >= 0 && hue <= 0.5, "augmentation.hue", hue, "in [0, 0.5]");
    require(random_augment >= 0 && random_augment <= 14, "augmentation.random_augment", random_augment,
            "in [0, 14]");
    require(random_augment_magnitude >= 0 && random_augment_magnitude <= 30,
            "augmentation.random_augment_magnitude", random_augment_magnitude, "in [0, 30]");
    require(!trivial_augment || random_augment == 0, "augmentation.random_augment", random_augment,
            "0 where trivial_augment is on");
    require(erase_probability >= 0 && erase_probability <= 1, "augmentation.erase_probability",
            erase_probability, "in [0, 1]");
}

bool Augmentation::cacheable() const {
    return crop_padding == 0 && min_crop_area == 1 && brightness == 0 && contrast == 0 && saturation == 0 &&
           hue == 0 && random_augment == 0 && !trivial_augment && erase_probability == 0;
}

std::vector<View> views_of(const Augmentation& augmentation) {
    std::vector<View> views;
    // With quarter turns a vertical flip is a horizontal one and two turns: eight views, not sixteen.
    const bool both =
        augmentation.horizontal_flip && augmentation.vertical_flip && !augmentation.quarter_turns;
    const int turns = augmentation.quarter_turns ? 4 : 1;
    const bool any_flip = augmentation.horizontal_flip || augmentation.vertical_flip;
    for (int crop = 0; crop <= augmentation.fixed_crops; ++crop)
        for (int turn = 0; turn < turns; ++turn)
            for (int flip = 0; flip < (both ? 4 : any_flip ? 2 : 1); ++flip) {
                View view = fixed_crop(crop);
                view.quarter_turns = turn;
                view.horizontal_flip = both || augmentation.horizontal_flip ? (flip & 1) != 0 : false;
                view.vertical_flip =
                    both ? (flip & 2) != 0 : !augmentation.horizontal_flip && (flip & 1) != 0;
                views.push_back(view);
            }
    return views;
}

std::size_t choose_view(const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                        std::int64_t sample) {
    const std::uint64_t flips =
        augmentation.quarter_turns
            ? 4U * (augmentation.horizontal_flip || augmentation.vertical_flip ? 2U : 1U)
            : (augmentation.horizontal_flip ? 2U : 1U) * (augmentation.vertical_flip ? 2U : 1U);
    const auto count = flips * static_cast<std::uint64_t>(augmentation.fixed_crops + 1);
    detail::RandomStream stream{seed, view_purpose, static_cast<std::uint64_t>(epoch),
                                static_cast<std::uint64_t>(sample)};
    return static_cast<std::size_t>(stream.below(count));
}

at::Tensor render(const at::Tensor& pixels, const View& view, std::int64_t frame_size) {
    view.validate();
    if (pixels.dim() != 4 || pixels.size(1) != 3 || pixels.size(2) != pixels.size(3) ||
        pixels.size(2) < frame_size)
        throw InvalidOption("render takes N x 3 x S x S pixels with S at least the frame's " +
                            std::to_string(frame_size));
    const auto size = view.image_size > 0 ? view.image_size : frame_size;
    return turned(resized(crop_of(centre(pixels, frame_size), view), size), view);
}

at::Tensor augment(const at::Tensor& pixels, std::span<const std::int64_t> samples,
                   const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                   std::int64_t frame_size, std::int64_t image_size) {
    if (pixels.size(0) != std::ssize(samples))
        throw InvalidOption(std::to_string(samples.size()) + " sample numbers for " +
                            detail::counted(pixels.size(0), "image") + "; one each is needed");
    auto views = views_of(augmentation);
    for (auto& view : views) view.image_size = image_size;
    std::vector<std::size_t> chosen;
    for (const auto sample : samples) chosen.push_back(choose_view(augmentation, seed, epoch, sample));
    if (augmentation.cacheable()) return augment_by_view(pixels, chosen, views, frame_size);
    std::vector<torch::Tensor> images(samples.size());
    // Each image is one thread's, so that its arithmetic does not depend on how many there are.
    at::parallel_for(0, std::ssize(samples), 1, [&](std::int64_t begin, std::int64_t end) {
        const torch::NoGradGuard no_gradients;
        for (auto row = begin; row < end; ++row) {
            const auto i = static_cast<std::size_t>(row);
            const detail::RandomStream stream{seed, pixel_purpose, static_cast<std::uint64_t>(epoch),
                                              static_cast<std::uint64_t>(samples[i])};
            images[i] =
                augment_one(pixels.narrow(0, row, 1), views[chosen[i]], augmentation, stream, frame_size);
        }
    });
    // Where one of the views resamples, all are of its type.
    if (std::ranges::any_of(images, [](const auto& image) { return image.is_floating_point(); }))
        for (auto& image : images) image = as_float(image);
    return torch::cat(images);
}

namespace {

/// What each byte of each channel becomes.
std::array<std::array<float, 256>, 3> normalised_bytes(const InputSpec& input) {
    std::array<std::array<float, 256>, 3> table{};
    for (std::size_t channel = 0; channel < 3; ++channel) {
        const auto mean = static_cast<float>(input.mean[channel] * 255);
        const auto deviation = static_cast<float>(input.std[channel] * 255);
        for (std::size_t byte = 0; byte < 256; ++byte)
            table[channel][byte] = (static_cast<float>(byte) - mean) / deviation;
    }
    return table;
}

/// In one pass over the pictures instead of four; the same bits.
torch::Tensor normalise_bytes(const torch::Tensor& pixels, const InputSpec& input) {
    const auto table = normalised_bytes(input);
    const auto from = pixels.contiguous();
    auto result = torch::empty(from.sizes(), torch::kFloat32);
    const auto area = from.size(2) * from.size(3);
    const auto* bytes = from.data_ptr<std::uint8_t>();
    auto* numbers = result.data_ptr<float>();
    at::parallel_for(0, 3 * from.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto plane = begin; plane < end; ++plane) {
            const auto& values = table[static_cast<std::size_t>(plane % 3)];
            for (auto i = plane * area; i < (plane + 1) * area; ++i) numbers[i] = values[bytes[i]];
        }
    });
    return result;
}

}  // namespace

at::Tensor normalise(const at::Tensor& pixels, const InputSpec& input) {
    if (pixels.dim() == 4 && pixels.size(1) == 3 && pixels.scalar_type() == torch::kUInt8 &&
        pixels.device().is_cpu())
        return normalise_bytes(pixels, input);
    const auto channel = [](const std::array<double, 3>& values) {
        return torch::tensor({values[0], values[1], values[2]}, torch::kFloat64)
            .mul(255)
            .to(torch::kFloat32)
            .view({1, 3, 1, 1});
    };
    const auto device = pixels.device();
    return (as_float(pixels) - channel(input.mean).to(device)) / channel(input.std).to(device);
}

}  // namespace attune
