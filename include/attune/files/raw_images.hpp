#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace attune {

/// Small pictures held in memory as they stood in the file.
struct RawImages {
    std::int64_t count = 0;
    std::int64_t channels = 0;
    std::int64_t height = 0;
    std::int64_t width = 0;
    std::vector<std::uint8_t> pixels;  ///< count x channels x height x width
    std::vector<std::int64_t> labels;  ///< count entries, or none where the file has no labels
};

/// Reads unsigned-byte pictures in IDX format (MNIST: magic 0x00000803, then count, height, width,
/// big-endian), plain or gzip-compressed; labels stay empty. Throws FileError for another magic number, sizes
/// of zero or above `max_bytes`, and content shorter or longer than the header says. Thread-safe, like the
/// functions below.
[[nodiscard]] RawImages read_idx_images(const std::filesystem::path& path,
                                        std::uint64_t max_bytes = std::uint64_t{4} << 30);

/// Reads unsigned-byte labels in IDX format (magic 0x00000801), plain or gzip-compressed.
[[nodiscard]] std::vector<std::int64_t> read_idx_labels(const std::filesystem::path& path);

/// Reads pictures with their labels; throws FileError where the counts differ.
[[nodiscard]] RawImages read_idx(const std::filesystem::path& images, const std::filesystem::path& labels);

/// Which label bytes precede the 3 x 32 x 32 pixels of a record, and which one is used.
enum class CifarLabels {
    cifar10,          ///< one byte, 0 to 9
    cifar100_coarse,  ///< two bytes; the first, 0 to 19
    cifar100_fine,    ///< two bytes; the second, 0 to 99
};

/// Reads one or more CIFAR binary batches (plain or gzip-compressed) and joins them in the given order.
/// Throws FileError for files that are empty, no whole number of records or above `max_bytes`, and labels out
/// of range (with the record).
[[nodiscard]] RawImages read_cifar(const std::vector<std::filesystem::path>& batches,
                                   CifarLabels labels = CifarLabels::cifar10,
                                   std::uint64_t max_bytes = std::uint64_t{4} << 30);

}  // namespace attune
