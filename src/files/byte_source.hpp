#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace attune::detail {

/// A regular file opened for reading at any place; every failure is a FileError that begins with its path.
class ByteSource {
  public:
    explicit ByteSource(std::filesystem::path path);
    ~ByteSource();
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// Fills `out` from `offset` on; a range outside the file is a failure ("truncated").
    void read_at(std::uint64_t offset, std::span<std::byte> out) const;
    [[nodiscard]] std::string text_at(std::uint64_t offset, std::size_t count) const;

    /// The whole file, mapped for reading only; to be given to `unmap`.
    [[nodiscard]] std::span<std::byte> map() const;

    [[noreturn]] void fail(const std::string& message) const;

  private:
    std::filesystem::path path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
};

void unmap(std::span<std::byte> mapping) noexcept;

/// A whole file in memory; larger ones than `max_bytes` are refused before anything is allocated.
[[nodiscard]] std::string read_whole_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// A little-endian unsigned number of `count` bytes (at most 8).
[[nodiscard]] std::uint64_t little_endian(const void* bytes, std::size_t count);

/// The product of the sizes, or nothing where it exceeds 2^63 - 1 or a size is negative.
[[nodiscard]] std::optional<std::int64_t> checked_numel(std::span<const std::int64_t> shape);

/// "[2, 3]".
[[nodiscard]] std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace attune::detail
