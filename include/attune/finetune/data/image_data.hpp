#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/files/image.hpp"
#include "attune/files/image_dataset.hpp"
#include "attune/files/raw_images.hpp"

namespace at {
class Tensor;
}

namespace attune {

/// How a picture of any shape becomes a square.
enum class ResizeMode {
    crop,    ///< the short side to the resized size, then the centre (torchvision's Resize and CenterCrop)
    squash,  ///< both sides to the size; proportions are lost, nothing else is
    pad,     ///< the long side to the size, the rest filled with ImageNet's mean colour
};

/// Throws UnknownName that lists the known ones.
[[nodiscard]] ResizeMode resize_mode_from_name(const std::string& name);
[[nodiscard]] std::string to_string(ResizeMode mode);

/// Resizes antialiased and bilinear, 3 x height x width: bytes as PIL does, bit for bit, floating-point
/// numbers as torchvision does.
[[nodiscard]] at::Tensor resize_image(const at::Tensor& pixels, std::int64_t height, std::int64_t width);

/// Sizes in pixels of the square that is kept of every picture.
struct Framing {
    std::int64_t image_size = 224;  ///< what the network sees, at least 8
    ResizeMode mode = ResizeMode::crop;
    double resize_ratio =
        1;  ///< the size resized to, as a multiple of image_size, in [1, 2]; 256/224 is torchvision's
    std::int64_t margin =
        0;  ///< pixels kept on each side beyond image_size for random crops (bounded by the ratio)

    void validate() const;

    [[nodiscard]] bool operator==(const Framing&) const = default;
};

/// The stored square of one picture, 3 x S x S uint8 with S = image_size + 2 margin where the ratio leaves as
/// much.
[[nodiscard]] at::Tensor frame_image(const Image& image, const Framing& framing);

struct DataOptions {
    Framing framing{};
    int threads = 0;                              ///< 0: one for each core
    std::int64_t memory_limit_bytes = 8LL << 30;  ///< of the decoded, resized pictures
    /// Read the pictures when they are asked for, as many as the memory limit permits being kept; else all
    /// are read at once, and a set that passes the limit is refused. The pixels are the same either way.
    bool on_demand = false;
    bool apply_orientation = false;  ///< turn pictures as their EXIF data says; else as stored
    /// Let JPEGs come at 1/2, 1/4 or 1/8 where that is no smaller than they are resized to: faster, and a
    /// little softer than resizing them in full.
    bool scaled_decoding = false;
    std::int64_t max_pixels = 100'000'000;  ///< of one picture; larger ones count as damaged
    std::function<void(std::int64_t done, std::int64_t total)> progress{};  ///< one thread at a time
    std::stop_token stop{};

    void validate() const;
};

/// Row numbers of the images in each part, each list ascending and no row in two of them.
struct SplitRows {
    std::vector<std::int64_t> train;
    std::vector<std::int64_t> validation;
    std::vector<std::int64_t> test;

    [[nodiscard]] const std::vector<std::int64_t>& of(Split split) const;
    [[nodiscard]] bool operator==(const SplitRows&) const = default;
};

/// Labelled images in memory: N x 3 x S x S bytes, labels, names and a split.
///
/// A value that is cheap to copy: copies share the pixels, which never change. All members may be called from
/// several threads at once.
class ImageData {
  public:
    /// `pixels` N x 3 x S x S uint8; labels in [0, classes). Names may be empty. Without a split all rows are
    /// training rows. Throws InvalidOption.
    ImageData(at::Tensor pixels, std::vector<std::int64_t> labels, std::vector<std::string> classes,
              std::vector<std::string> names = {}, SplitRows split = {}, Framing framing = {});

    /// All of them; where they are read on demand this reads those that are not kept.
    [[nodiscard]] at::Tensor pixels() const;
    /// Those of `rows`, in that order. Where they are read on demand: by several threads, throwing FileError
    /// for a picture that cannot be read. Throws InvalidOption for rows that do not exist.
    [[nodiscard]] at::Tensor pixels_of(std::span<const std::int64_t> rows) const;
    /// Begins to read `rows` in the background where they are read on demand; they then wait in memory until
    /// pixels_of() takes them.
    void prefetch(std::span<const std::int64_t> rows) const;
    [[nodiscard]] bool on_demand() const;
    /// Files decoded so far where they are read on demand, repetitions counted; else 0.
    [[nodiscard]] std::int64_t pictures_read() const;
    [[nodiscard]] std::int64_t size() const;
    [[nodiscard]] std::int64_t stored_size() const;  ///< S
    [[nodiscard]] std::int64_t image_size() const { return framing().image_size; }
    [[nodiscard]] const Framing& framing() const;
    /// Whether files were turned as their EXIF data says (DataOptions::apply_orientation).
    [[nodiscard]] bool is_oriented() const;
    [[nodiscard]] const std::vector<std::int64_t>& labels() const;
    [[nodiscard]] const std::vector<std::string>& classes() const;
    [[nodiscard]] std::int64_t class_count() const;
    [[nodiscard]] std::string name(std::int64_t row) const;  ///< path or "#row"
    /// What each row must not be parted from, empty for nothing; none where no row has a group.
    [[nodiscard]] const std::vector<std::string>& groups() const;
    [[nodiscard]] const SplitRows& split() const { return split_; }
    [[nodiscard]] const std::vector<SkippedFile>& skipped()
        const;  ///< files that could not be read, with the reason

    /// The picture as stored, for reports.
    [[nodiscard]] Image picture(std::int64_t row) const;

    /// The same images with groups, one for each row or none. Throws InvalidOption for another number.
    [[nodiscard]] ImageData with_groups(std::vector<std::string> groups) const;

    /// The same images with another split. Throws InvalidOption for rows that do not exist, repeat or are in
    /// two parts.
    [[nodiscard]] ImageData with_split(SplitRows split) const;

    /// Whether the images are the very same in memory (whatever the splits).
    [[nodiscard]] bool same_images(const ImageData& other) const { return pictures_ == other.pictures_; }

    /// Samples of each class in a part.
    [[nodiscard]] std::vector<std::int64_t> class_counts(Split part) const;

    /// Over pixels (names of files and how they are decoded where these are read on demand), framing, labels,
    /// classes and split: changes when any of them does.
    [[nodiscard]] std::uint64_t fingerprint() const;

  private:
    friend ImageData load_image_data(const ImageListing&, const DataOptions&);
    struct Store;
    struct Pictures;
    ImageData(std::shared_ptr<const Pictures> pictures, std::shared_ptr<const Store> store, SplitRows split);
    std::shared_ptr<const Pictures> pictures_;
    std::shared_ptr<const Store> store_;
    SplitRows split_;
};

/// Decodes and frames every picture of a listing, in parallel. The split is the listing's; where it has none,
/// all rows are training rows until a split is made. Damaged files are left out and named in `skipped()`
/// (where pictures are read on demand: those whose header is damaged).
/// Throws FileError when a class loses all its pictures (or all its training pictures), InvalidOption when
/// the memory limit would be passed, InvalidState when stopped.
[[nodiscard]] ImageData load_image_data(const ImageListing& listing, const DataOptions& options = {});

/// Pictures of IDX or CIFAR files as data; grey is repeated three times. Sizes other than the framing's are
/// resized. All rows are training rows. `classes` may be empty: then "0", "1", ...
[[nodiscard]] ImageData from_raw_images(const RawImages& images, std::vector<std::string> classes = {},
                                        const DataOptions& options = {});

/// The same from two files: rows of `test` follow those of `train` and become the test part.
[[nodiscard]] ImageData from_raw_images(const RawImages& train, const RawImages& test,
                                        std::vector<std::string> classes = {},
                                        const DataOptions& options = {});

}  // namespace attune
