#include "attune/finetune/data/image_data.hpp"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/files/fingerprint.hpp"
#include "attune/finetune/data/image_operations.hpp"
#include "attune/space/detail/counted.hpp"
#include "image_store.hpp"
#include "resize.hpp"

namespace attune {
namespace {

constexpr std::array<std::uint8_t, 3> mean_colour{124, 116, 104};  ///< of ImageNet

void require_picture(const Image& image) {
    const auto area = static_cast<std::size_t>(image.width * image.height);
    if (image.width < 1 || image.height < 1 || image.pixels.size() != 3 * area)
        throw InvalidOption("image of " + std::to_string(image.width) + " x " + std::to_string(image.height) +
                            " must have sides of at least 1 and three bytes a pixel");
}

/// A square of mean colour with a part at a place of it.
std::vector<std::uint8_t> on_mean_colour(const std::vector<std::uint8_t>& part, const detail::Window& place,
                                         std::int64_t side) {
    const auto plane = static_cast<std::size_t>(side * side);
    std::vector<std::uint8_t> square(3 * plane);
    const auto* in = part.data();
    for (std::size_t channel = 0; channel < 3; ++channel) {
        auto* out = square.data() + channel * plane;
        std::fill(out, out + plane, mean_colour[channel]);
        for (std::int64_t y = 0; y < place.height; ++y, in += place.width)
            std::copy_n(in, place.width, out + (place.top + y) * side + place.left);
    }
    return square;
}

/// Where the square of a side begins in a resized picture, centres matched as torchvision does (halves
/// rounded to even); negative where the picture is smaller.
std::int64_t centred(std::int64_t length, std::int64_t side) {
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(length - side) / 2));
}

/// The square in the middle of the picture resized to height x width, mean colour around it where it is
/// smaller.
std::vector<std::uint8_t> square_of(const Image& image, std::int64_t height, std::int64_t width,
                                    std::int64_t side) {
    const auto top = centred(height, side);
    const auto left = centred(width, side);
    detail::Window window{std::max<std::int64_t>(0, top), std::max<std::int64_t>(0, left)};
    window.height = std::min(height, top + side) - window.top;
    window.width = std::min(width, left + side) - window.left;
    auto part = detail::resize_window(image.pixels.data(), image.height, image.width, height, width, window);
    if (window.height == side && window.width == side) return part;
    const detail::Window place{window.top - top, window.left - left, window.height, window.width};
    return on_mean_colour(part, place, side);
}

/// The other side after the given one became `size`, as torchvision rounds it (down).
std::int64_t in_proportion(std::int64_t size, std::int64_t other, std::int64_t given) {
    return std::max<std::int64_t>(1, size * other / given);
}

torch::Tensor to_pixels(const std::vector<std::uint8_t>& values, std::int64_t height, std::int64_t width) {
    auto tensor = torch::empty({3, height, width}, torch::kUInt8);
    std::memcpy(tensor.data_ptr(), values.data(), values.size());
    return tensor;
}

void require(bool holds, const std::string& message) {
    if (!holds) throw InvalidOption(message);
}

std::string to_text(const Framing& framing) {
    return fmt::format("{} {} {} {}", framing.image_size, to_string(framing.mode), framing.resize_ratio,
                       framing.margin);
}

void require_row(std::int64_t row, std::int64_t size) {
    require(row >= 0 && row < size,
            "row " + std::to_string(row) + " is outside [0, " + std::to_string(size) + ")");
}

void mark_part(const std::vector<std::int64_t>& rows, std::vector<bool>& taken, const char* part) {
    for (const auto row : rows) {
        require(row >= 0 && row < std::ssize(taken), std::string(part) + " row " + std::to_string(row) +
                                                         " is outside [0, " + std::to_string(taken.size()) +
                                                         ")");
        require(!taken[static_cast<std::size_t>(row)],
                std::string(part) + " row " + std::to_string(row) + " is already in a part of the split");
        taken[static_cast<std::size_t>(row)] = true;
    }
}

SplitRows checked(SplitRows split, std::int64_t size) {
    std::vector<bool> taken(static_cast<std::size_t>(size));
    mark_part(split.train, taken, "train");
    mark_part(split.validation, taken, "validation");
    mark_part(split.test, taken, "test");
    std::ranges::sort(split.train);
    std::ranges::sort(split.validation);
    std::ranges::sort(split.test);
    return split;
}

template <typename Numbers>
std::string_view bytes_of(const Numbers& numbers) {
    return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(*numbers.data())};
}

}  // namespace

ResizeMode resize_mode_from_name(const std::string& name) {
    if (name == "crop") return ResizeMode::crop;
    if (name == "squash") return ResizeMode::squash;
    if (name == "pad") return ResizeMode::pad;
    throw UnknownName("resize mode \"" + name + "\" is not known; known are crop, squash, pad");
}

std::string to_string(ResizeMode mode) {
    switch (mode) {
        case ResizeMode::crop:
            return "crop";
        case ResizeMode::squash:
            return "squash";
        case ResizeMode::pad:
            break;
    }
    return "pad";
}

at::Tensor resize_image(const at::Tensor& pixels, std::int64_t height, std::int64_t width) {
    require(pixels.dim() == 3 && pixels.size(0) == 3, "resize_image takes 3 x height x width pixels");
    require(height >= 1 && width >= 1, "new height and width must be at least 1");
    if (torch::isFloatingType(pixels.scalar_type())) return image::resize(pixels, height, width);
    require(pixels.scalar_type() == torch::kUInt8, "resize_image takes bytes or floating-point numbers");
    const auto input = pixels.contiguous();
    const auto picture = detail::interleaved(input.data_ptr<std::uint8_t>(), input.size(1), input.size(2),
                                             {0, 0, input.size(1), input.size(2)});
    return to_pixels(detail::resize_window(picture.data(), input.size(1), input.size(2), height, width,
                                           {0, 0, height, width}),
                     height, width);
}

void Framing::validate() const {
    require(image_size >= 8 && image_size <= 4096,
            "image_size " + std::to_string(image_size) + " must be in [8, 4096] pixels");
    require(resize_ratio >= 1 && resize_ratio <= 2,
            "resize_ratio " + std::to_string(resize_ratio) + " must be in [1, 2]");
    require(margin >= 0 && margin <= image_size / 2,
            "margin " + std::to_string(margin) + " must be in [0, image_size / 2]");
}

namespace detail {

std::int64_t resized_side(const Framing& framing) {
    return std::llround(framing.resize_ratio * static_cast<double>(framing.image_size));
}

std::int64_t stored_side(const Framing& framing) {
    return std::min(framing.image_size + 2 * framing.margin, resized_side(framing));
}

ReadImageOptions reading_of(const DataOptions& options) {
    return {options.max_pixels, options.apply_orientation,
            options.scaled_decoding ? resized_side(options.framing) : 0};
}

std::vector<std::uint8_t> frame(const Image& image, const Framing& framing) {
    require_picture(image);
    const auto side = resized_side(framing);
    if (framing.mode == ResizeMode::squash) return square_of(image, side, side, stored_side(framing));
    const bool tall = image.height > image.width;
    const bool fix_width = tall == (framing.mode == ResizeMode::crop);
    const auto height = fix_width ? in_proportion(side, image.height, image.width) : side;
    const auto width = fix_width ? side : in_proportion(side, image.width, image.height);
    return square_of(image, height, width, stored_side(framing));
}

}  // namespace detail

at::Tensor frame_image(const Image& image, const Framing& framing) {
    framing.validate();
    const auto side = detail::stored_side(framing);
    return to_pixels(detail::frame(image, framing), side, side);
}

void DataOptions::validate() const {
    framing.validate();
    require(threads >= 0, "threads " + std::to_string(threads) + " must be at least 0");
    require(memory_limit_bytes >= 0, "memory_limit_bytes must be at least 0");
    require(max_pixels >= 1, "max_pixels " + std::to_string(max_pixels) + " must be at least 1");
}

const std::vector<std::int64_t>& SplitRows::of(Split part) const {
    switch (part) {
        case Split::train:
            return train;
        case Split::validation:
            return validation;
        case Split::test:
            return test;
        case Split::none:
            break;
    }
    throw InvalidOption("rows of a part: the part must be train, validation or test");
}

ImageData::ImageData(at::Tensor pixels, std::vector<std::int64_t> labels, std::vector<std::string> classes,
                     std::vector<std::string> names, SplitRows split, Framing framing) {
    require(pixels.dim() == 4 && pixels.size(1) == 3 && pixels.size(2) == pixels.size(3) &&
                pixels.scalar_type() == torch::kUInt8,
            "pixels must be N x 3 x S x S bytes");
    require(pixels.size(0) == std::ssize(labels), std::to_string(labels.size()) + " labels for " +
                                                      detail::counted(pixels.size(0), "image") +
                                                      "; one each is needed");
    require(names.empty() || names.size() == labels.size(), "names must be none or one for each image");
    for (const auto label : labels)
        require(label >= 0 && label < std::ssize(classes),
                "label " + std::to_string(label) + " is outside [0, " + std::to_string(classes.size()) + ")");
    framing.validate();
    require(pixels.size(2) >= framing.image_size, "images of side " + std::to_string(pixels.size(2)) +
                                                      " are smaller than the framing's image_size " +
                                                      std::to_string(framing.image_size));
    auto pictures = std::make_shared<Pictures>();
    pictures->pixels = pixels.contiguous();
    pictures_ = std::move(pictures);
    auto store = std::make_shared<Store>();
    store->labels = std::move(labels);
    store->classes = std::move(classes);
    store->names = std::move(names);
    store->framing = framing;
    store_ = std::move(store);
    split_ = checked(std::move(split), size());
    if (!split_.train.empty() || !split_.validation.empty() || !split_.test.empty()) return;
    split_.train.resize(static_cast<std::size_t>(size()));
    std::iota(split_.train.begin(), split_.train.end(), std::int64_t{0});
}

ImageData::ImageData(std::shared_ptr<const Pictures> pictures, std::shared_ptr<const Store> store,
                     SplitRows split)
    : pictures_(std::move(pictures)), store_(std::move(store)), split_(checked(std::move(split), size())) {}

at::Tensor ImageData::pixels() const {
    if (!on_demand()) return pictures_->pixels;
    std::vector<std::int64_t> rows(static_cast<std::size_t>(size()));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    return pixels_of(rows);
}

at::Tensor ImageData::pixels_of(std::span<const std::int64_t> rows) const {
    for (const auto row : rows) require_row(row, size());
    if (!on_demand()) {
        auto index = torch::empty({std::ssize(rows)}, torch::kInt64);
        std::ranges::copy(rows, index.data_ptr<std::int64_t>());
        return pictures_->pixels.index_select(0, index);
    }
    auto pixels = torch::empty({std::ssize(rows), 3, stored_size(), stored_size()}, torch::kUInt8);
    pictures_->reader->read(rows, pixels.data_ptr<std::uint8_t>());
    return pixels;
}

void ImageData::prefetch(std::span<const std::int64_t> rows) const {
    for (const auto row : rows) require_row(row, size());
    if (on_demand()) pictures_->reader->prefetch(rows);
}

std::int64_t ImageData::pictures_read() const { return on_demand() ? pictures_->reader->pictures_read() : 0; }

bool ImageData::on_demand() const { return pictures_->reader != nullptr; }
std::int64_t ImageData::size() const { return std::ssize(store_->labels); }
std::int64_t ImageData::stored_size() const {
    return on_demand() ? detail::stored_side(framing()) : pictures_->pixels.size(2);
}
const Framing& ImageData::framing() const { return store_->framing; }
bool ImageData::is_oriented() const { return store_->is_oriented; }
const std::vector<std::int64_t>& ImageData::labels() const { return store_->labels; }
const std::vector<std::string>& ImageData::classes() const { return store_->classes; }
const std::vector<std::string>& ImageData::groups() const { return store_->groups; }
std::int64_t ImageData::class_count() const { return std::ssize(store_->classes); }
const std::vector<SkippedFile>& ImageData::skipped() const { return store_->skipped; }

std::string ImageData::name(std::int64_t row) const {
    require_row(row, size());
    return store_->names.empty() ? fmt::format("#{}", row) : store_->names[static_cast<std::size_t>(row)];
}

Image ImageData::picture(std::int64_t row) const {
    const auto interleaved = pixels_of({&row, 1})[0].permute({1, 2, 0}).contiguous();
    const auto* begin = interleaved.data_ptr<std::uint8_t>();
    return {interleaved.size(1), interleaved.size(0), {begin, begin + interleaved.numel()}};
}

ImageData ImageData::with_split(SplitRows split) const { return {pictures_, store_, std::move(split)}; }

ImageData ImageData::with_groups(std::vector<std::string> groups) const {
    require(groups.empty() || std::ssize(groups) == size(), std::to_string(groups.size()) + " groups for " +
                                                                std::to_string(size()) +
                                                                " images; one each or none is needed");
    auto store = std::make_shared<Store>(*store_);
    store->groups = std::move(groups);
    return {pictures_, std::move(store), split_};
}

std::vector<std::int64_t> ImageData::class_counts(Split part) const {
    std::vector<std::int64_t> counts(store_->classes.size());
    for (const auto row : split_.of(part))
        ++counts[static_cast<std::size_t>(labels()[static_cast<std::size_t>(row)])];
    return counts;
}

std::uint64_t ImageData::fingerprint() const {
    auto hash = fnv1a64("");
    if (on_demand()) {
        for (const auto& name : store_->names) hash = fnv1a64(name + '\n', hash);
        hash = fnv1a64(pictures_->reader->decoding(), hash);
    } else {
        const auto& pixels = pictures_->pixels;
        hash = fnv1a64(
            {reinterpret_cast<const char*>(pixels.data_ptr()), static_cast<std::size_t>(pixels.numel())});
    }
    hash = fnv1a64(to_text(framing()), hash);
    hash = fnv1a64(bytes_of(store_->labels), hash);
    for (const auto& name : store_->classes) hash = fnv1a64(name + '\n', hash);
    for (const auto part : {Split::train, Split::validation, Split::test}) {
        const std::array<std::int64_t, 1> length{std::ssize(split_.of(part))};
        hash = fnv1a64(bytes_of(split_.of(part)), fnv1a64(bytes_of(length), hash));
    }
    return hash;
}

}  // namespace attune
