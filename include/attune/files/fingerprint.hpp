#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "attune/files/image_dataset.hpp"

namespace attune {

/// The FNV-1a 64 hash (Fowler, Noll, Vo) of bytes, continued from `state`. It finds accidental changes; it is
/// no protection against somebody who wants two inputs to look alike.
[[nodiscard]] std::uint64_t fnv1a64(std::string_view bytes,
                                    std::uint64_t state = 0xCBF29CE484222325u) noexcept;

/// `fnv1a64:` and 16 hexadecimal digits, over the class names and, for each sample in an order of their own,
/// the path relative to the listing's root, the file's size and bytes, label and split. The same set gives
/// the same text wherever its folder stands and however it was listed. Reads every file once. Throws
/// FileError for files that are gone.
[[nodiscard]] std::string fingerprint_files(const ImageListing& listing);

/// `fnv1a64:` and 16 hexadecimal digits, over the content of one file (a weights file, a space file). Throws
/// FileError.
[[nodiscard]] std::string fingerprint_file(const std::filesystem::path& path);

}  // namespace attune
