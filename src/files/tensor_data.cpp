#include "attune/files/tensor_data.hpp"

#include <algorithm>
#include <cstring>

#include "attune/error.hpp"
#include "byte_source.hpp"

namespace attune {

std::size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::boolean:
        case DType::u8:
        case DType::i8:
            return 1;
        case DType::i16:
        case DType::u16:
        case DType::f16:
        case DType::bf16:
            return 2;
        case DType::i32:
        case DType::u32:
        case DType::f32:
            return 4;
        case DType::f64:
        case DType::i64:
        case DType::u64:
            return 8;
    }
    throw InvalidOption("DType " + std::to_string(static_cast<int>(dtype)) +
                        " is not one of the enumeration");
}

std::string to_string(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return "BOOL";
        case DType::u8:
            return "U8";
        case DType::i8:
            return "I8";
        case DType::i16:
            return "I16";
        case DType::u16:
            return "U16";
        case DType::f16:
            return "F16";
        case DType::bf16:
            return "BF16";
        case DType::i32:
            return "I32";
        case DType::u32:
            return "U32";
        case DType::f32:
            return "F32";
        case DType::f64:
            return "F64";
        case DType::i64:
            return "I64";
        case DType::u64:
            return "U64";
    }
    throw InvalidOption("DType " + std::to_string(static_cast<int>(dtype)) +
                        " is not one of the enumeration");
}

namespace {

/// IEEE 754: all bits of the exponent are set.
template <typename Bits>
std::size_t count_exponents(std::span<const std::byte> bytes, Bits exponent) {
    std::size_t count = 0;
    for (std::size_t at = 0; at + sizeof(Bits) <= bytes.size(); at += sizeof(Bits)) {
        Bits value{};
        std::memcpy(&value, bytes.data() + at, sizeof(Bits));
        count += (value & exponent) == exponent ? 1 : 0;
    }
    return count;
}

}  // namespace

std::size_t non_finite_values(DType dtype, std::span<const std::byte> bytes) {
    switch (dtype) {
        case DType::f16:
            return count_exponents<std::uint16_t>(bytes, 0x7C00);
        case DType::bf16:
            return count_exponents<std::uint16_t>(bytes, 0x7F80);
        case DType::f32:
            return count_exponents<std::uint32_t>(bytes, 0x7F800000);
        case DType::f64:
            return count_exponents<std::uint64_t>(bytes, 0x7FF0000000000000);
        default:
            return 0;
    }
}

std::int64_t TensorData::numel() const {
    const auto count = detail::checked_numel(shape);
    if (!count)
        throw FileError("a tensor of shape " + detail::shape_text(shape) +
                        " has a negative size or more than 2^63 - 1 elements");
    return *count;
}

const TensorData* TensorFile::find(const std::string& name) const {
    const auto found =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
    return found == tensors.end() ? nullptr : &found->second;
}

}  // namespace attune
