#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// Reads a safetensors file (an 8-byte header length, a JSON header, little-endian row-major data).
///
/// Tensors come in the order of their data. Refused, by a FileError that begins with the path: a header that
/// is longer than the file or than 100 MB, is not a JSON object or names a tensor twice; unknown element
/// types (8-bit floats included); shapes that overflow or are negative; ranges outside the data, overlapping,
/// leaving holes or disagreeing with the shape. Nothing in the file is executed and memory stays within a
/// small multiple of its size. Thread-safe.
[[nodiscard]] TensorFile read_safetensors(const std::filesystem::path& path);

/// A tensor whose bytes lie in a mapped file.
struct MappedTensor {
    std::string name;
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;
    std::span<const std::byte> bytes;  ///< valid as long as the file it came from
};

/// A safetensors file mapped into memory: its tensors take none of their own, and what nobody reads is never
/// fetched from the disk. The file must not become shorter while it is mapped (the operating system would end
/// the program at the next access): replace weights files, as `write_safetensors` does, rather than
/// overwriting them. Checks and errors as `read_safetensors`. Const members are thread-safe.
class MappedSafetensors {
  public:
    explicit MappedSafetensors(const std::filesystem::path& path);
    ~MappedSafetensors();
    MappedSafetensors(const MappedSafetensors&) = delete;
    MappedSafetensors& operator=(const MappedSafetensors&) = delete;

    /// In the order of their data.
    [[nodiscard]] const std::vector<MappedTensor>& tensors() const noexcept { return tensors_; }
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  private:
    std::vector<MappedTensor> tensors_;
    std::map<std::string, std::string> metadata_;
    std::span<std::byte> mapping_;
};

/// Writes `file` as safetensors: header padded to a multiple of 8, wide element types first so that every
/// tensor is aligned for mapping; the file appears only when complete and flushed (see AtomicFile). Throws
/// FileError, also for names that occur twice, the name `__metadata__`, and tensors whose bytes do not fit
/// their shape.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

}  // namespace attune
