#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "attune/files/image_dataset.hpp"

namespace attune {

struct ImageSetCheckOptions {
    int threads = 0;                  ///< 0: one for each core
    std::int64_t smallest_side = 32;  ///< pictures with a side below this are named as tiny, in pixels
    CheckProgress progress{};
    /// Throws InvalidOption that names the option, its value and the rule.
    void validate() const;
};

/// Something about one picture that deserves a look.
struct ImageRemark {
    std::filesystem::path path;
    std::string remark;  ///< without the path
};

/// Pictures whose pixels are the same.
struct DuplicateImages {
    std::vector<std::size_t> samples;  ///< indices into the listing, ascending
    std::vector<std::filesystem::path> paths;
    bool across_splits = false;   ///< some are in different parts: what is tested was trained on
    bool across_classes = false;  ///< some have different labels: at least one of these is wrong
};

/// What a look at every picture of a listing finds before a training relies on it.
struct ImageSetReport {
    std::vector<SkippedFile> damaged;         ///< cannot be decoded
    std::vector<DuplicateImages> duplicates;  ///< by their first sample
    std::vector<ImageRemark> tiny;
    std::vector<ImageRemark> unusual;        ///< grey, transparent, CMYK, 16-bit, turned by EXIF
    std::vector<ImageRemark> misplaced;      ///< named like another class than the folder's
    std::vector<std::string> alike_classes;  ///< sentences on class names that differ by case, spaces or an s
    std::vector<std::string> classes;
    std::vector<std::array<std::int64_t, 4>> counts;  ///< of each class, by Split
    double imbalance = 1;  ///< training (or all) pictures of the largest class by those of the smallest

    /// Whether nothing is named but unusual pictures.
    [[nodiscard]] bool is_clean() const;

    /// The findings as text, a line each, at most `most` of a kind.
    [[nodiscard]] std::string text(std::size_t most = 10) const;
};

/// Decodes every picture and compares them. Thread-safe; throws InvalidOption, and what `progress` throws.
[[nodiscard]] ImageSetReport check_image_set(const ImageListing& listing,
                                             const ImageSetCheckOptions& options = {});

}  // namespace attune
