#pragma once

#include <filesystem>

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

/// Writes `file` as safetensors: header padded to a multiple of 8, wide element types first so that every
/// tensor is aligned for mapping; the file appears only when complete and flushed (see AtomicFile). Throws
/// FileError, also for names that occur twice, the name `__metadata__`, and tensors whose bytes do not fit
/// their shape.
void write_safetensors(const std::filesystem::path& path, const TensorFile& file);

}  // namespace attune
