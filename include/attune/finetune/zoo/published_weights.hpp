#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace attune {

/// What torchvision's authors publish about one file of pretrained weights: facts only, nothing is
/// downloaded.
struct PublishedWeights {
    std::string_view model;   ///< the network's name in the zoo
    std::string_view name;    ///< of the weights, such as "IMAGENET1K_V1"
    bool is_default = false;  ///< of several files of one network, the one that its authors recommend
    std::int64_t parameters = 0;
    std::int64_t classes = 0;  ///< 0 where the file is of features only
    double top1_percent = 0;   ///< accuracy on the validation images of ImageNet-1K; NaN where unknown
    double top5_percent = 0;
    double gflops = 0;               ///< 10^9 multiply-adds for one image
    double megabytes = 0;            ///< of the file, 2^20 bytes
    std::int64_t minimum_size = 1;   ///< side of the smallest image that the authors accept, in pixels
    std::int64_t crop_size = 224;    ///< side of the central crop that the accuracies are for
    std::int64_t resize_size = 256;  ///< shorter side before it
    std::string_view interpolation = "bilinear";      ///< of that resize, antialiased
    std::string_view file;                            ///< whose digits after the dash begin its SHA-256
    std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< that torchvision's preset subtracts (RGB in [0, 1])
    std::array<double, 3> std{0.229, 0.224, 0.225};

    /// The beginning of the file's SHA-256, in hexadecimal; "" where the name has none.
    [[nodiscard]] std::string_view sha256_prefix() const noexcept;
};

/// All that are known here, sorted by model.
[[nodiscard]] std::span<const PublishedWeights> published_weights() noexcept;

/// Those of one model; an empty span where there are none.
[[nodiscard]] std::span<const PublishedWeights> published_weights(std::string_view model) noexcept;

}  // namespace attune
