#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace attune {

/// Element types that weight files hold.
enum class DType { boolean, u8, i8, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64 };

/// Bytes of one element.
[[nodiscard]] std::size_t size_of(DType dtype);

/// The field's short name: "F32", "I64", "BF16" ... as in safetensors.
[[nodiscard]] std::string to_string(DType dtype);

/// How many of the elements of `bytes` are NaN or infinite; 0 for types that cannot be. What is left over of
/// the last element is not looked at.
[[nodiscard]] std::size_t non_finite_values(DType dtype, std::span<const std::byte> bytes);

/// One named array read from or to be written to a file: little-endian, row-major, contiguous, owned.
struct TensorData {
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;  ///< empty for a scalar
    std::vector<std::byte> bytes;     ///< product(shape) * size_of(dtype) bytes

    [[nodiscard]] std::int64_t numel() const;
};

/// A flat dictionary of arrays, in the order of the file, beside string metadata.
struct TensorFile {
    std::vector<std::pair<std::string, TensorData>> tensors;
    std::map<std::string, std::string> metadata;

    /// The array called `name`, or null.
    [[nodiscard]] const TensorData* find(const std::string& name) const;
};

}  // namespace attune
