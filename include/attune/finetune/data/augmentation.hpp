#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

namespace at {
class Tensor;
}

namespace attune {

struct InputSpec;

/// One deterministic way to look at an image. The default view is the image itself.
///
/// A crop is a square of 1/zoom of the side; shift_x and shift_y in [-1, 1] move it from the left (top) edge
/// to the right (bottom) one, 0 being the centre. The crop is resized (antialiased, bilinear) to
/// `image_size`, then turned, then flipped.
struct View {
    bool horizontal_flip = false;
    bool vertical_flip = false;
    int quarter_turns = 0;  ///< 0 to 3, counter-clockwise
    double zoom = 1;        ///< at least 1
    double shift_x = 0;
    double shift_y = 0;
    std::int64_t image_size = 0;  ///< side of the result in pixels; 0: the data's

    auto operator<=>(const View&) const = default;

    /// Throws InvalidOption that names the field.
    void validate() const;
};

/// The j-th of a fixed, endless list of views: 0 is the image itself, the others are crops of 1 / 1.05 to 1
/// / 1.4 of the side at places drawn once and for all, so that features of them can be kept (see
/// FeatureCache).
[[nodiscard]] View fixed_crop(int index);

/// Random changes of training images, drawn anew for each image and epoch.
///
/// Every draw comes from (seed, epoch, sample) alone: neither threads nor batch size nor the order of samples
/// change it.
struct Augmentation {
    bool horizontal_flip = false;  ///< with probability 1/2
    bool vertical_flip = false;    ///< with probability 1/2
    bool quarter_turns = false;    ///< 0, 90, 180 or 270 degrees alike
    int fixed_crops = 0;           ///< choose among the image and this many fixed crops; at most 15
    /// Random shifts by up to this many pixels each way, into the margin where there is one, else into a
    /// reflected border; 0: off.
    std::int64_t crop_padding = 0;
    double min_crop_area = 1;  ///< random resized crop of an area share in [this, 1]; 1: off; in (0, 1]
    double max_aspect_ratio = 4.0 / 3;  ///< of such crops, at least 1
    double brightness = 0;              ///< factor in [1 - b, 1 + b]; 0: off; in [0, 1]
    double contrast = 0;                ///< as brightness, about the mean grey
    double saturation = 0;              ///< as brightness, about the grey picture
    double hue = 0;                     ///< turned by a share of the colour circle in [-h, h]; in [0, 0.5]
    /// RandAugment (Cubuk et al. 2020): this many operations in a row, drawn from fourteen (shear, shift,
    /// turn, colours, levels); 0: off; at most 14.
    int random_augment = 0;
    int random_augment_magnitude = 9;  ///< strength of each, in [0, 30]
    bool trivial_augment = false;      ///< one operation of any strength (Mueller and Hutter 2021)
    double erase_probability = 0;      ///< of a rectangle of 2 % to 20 % of the area set to the mean colour

    /// Throws InvalidOption that names the field, its value and the rule.
    void validate() const;

    /// Whether every image it makes is one of a few fixed views, whose features can be kept.
    [[nodiscard]] bool cacheable() const;

    [[nodiscard]] bool operator==(const Augmentation&) const = default;
};

/// The views that a cacheable augmentation chooses from, without repetition; {View{}} for none.
[[nodiscard]] std::vector<View> views_of(const Augmentation& augmentation);

/// Which of views_of(augmentation) the sample is shown through in this epoch.
[[nodiscard]] std::size_t choose_view(const Augmentation& augmentation, std::uint64_t seed,
                                      std::int64_t epoch, std::int64_t sample);

/// Renders a view of `pixels` (uint8, or float in [0, 255]; B x 3 x S x S) in [0, 255], B x 3 x size x size,
/// as float where pixels are resampled and in their own type where they are not. Where S is larger than
/// `frame_size` the middle is taken (the rest is the margin for random crops); size is view.image_size or,
/// where that is 0, `frame_size`.
[[nodiscard]] at::Tensor render(const at::Tensor& pixels, const View& view, std::int64_t frame_size);

/// Augmented images in [0, 255], B x 3 x size x size with size = `image_size` or, where that is 0,
/// `frame_size`; bytes stay bytes unless colours change or a view is resampled (random crops are resampled to
/// bytes, as PIL does), else they are floats. `samples` are the B numbers that draws are
/// keyed by. Throws InvalidOption where lengths differ.
[[nodiscard]] at::Tensor augment(const at::Tensor& pixels, std::span<const std::int64_t> samples,
                                 const Augmentation& augmentation, std::uint64_t seed, std::int64_t epoch,
                                 std::int64_t frame_size, std::int64_t image_size = 0);

/// (pixels / 255 - mean) / std by channel; pixels in [0, 255], N x 3 x H x W; float result.
[[nodiscard]] at::Tensor normalise(const at::Tensor& pixels, const InputSpec& input);

}  // namespace attune
