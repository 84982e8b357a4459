#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "attune/files/tensor_data.hpp"

/// Comparing arrays with the reference values in fixtures/files.
namespace attune::test {

inline double half_to_double(std::uint16_t bits) {
    const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
    const int exponent = (bits >> 10) & 31;
    const int fraction = bits & 1023;
    if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
    if (exponent == 0) return sign * std::ldexp(fraction, -24);
    return sign * std::ldexp(1024 + fraction, exponent - 25);
}

template <class T>
T element(const TensorData& tensor, std::size_t index) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof(T));
    return value;
}

/// Element `index` as a double (integers of the fixtures are small).
inline double value_at(const TensorData& tensor, std::size_t index) {
    switch (tensor.dtype) {
        case DType::boolean:
        case DType::u8:
            return element<std::uint8_t>(tensor, index);
        case DType::i8:
            return element<std::int8_t>(tensor, index);
        case DType::i16:
            return element<std::int16_t>(tensor, index);
        case DType::u16:
            return element<std::uint16_t>(tensor, index);
        case DType::f16:
            return half_to_double(element<std::uint16_t>(tensor, index));
        case DType::bf16:
            return std::bit_cast<float>(static_cast<std::uint32_t>(element<std::uint16_t>(tensor, index))
                                        << 16);
        case DType::i32:
            return element<std::int32_t>(tensor, index);
        case DType::u32:
            return element<std::uint32_t>(tensor, index);
        case DType::f32:
            return static_cast<double>(element<float>(tensor, index));
        case DType::f64:
            return element<double>(tensor, index);
        case DType::i64:
            return static_cast<double>(element<std::int64_t>(tensor, index));
        case DType::u64:
            return static_cast<double>(element<std::uint64_t>(tensor, index));
    }
    return NAN;
}

/// Our name of an element type that the fixtures name as torch does.
inline std::string short_dtype(const std::string& name) {
    if (name == "bool") return "BOOL";
    if (name == "bfloat16") return "BF16";
    const std::size_t digits = name.find_first_of("0123456789");
    const std::string kind = name.starts_with("float") ? "F" : name.starts_with("uint") ? "U" : "I";
    return digits == std::string::npos ? name : kind + name.substr(digits);
}

inline double number_of(const nlohmann::json& value) {
    if (value == "nan") return NAN;
    if (value == "inf") return INFINITY;
    if (value == "-inf") return -INFINITY;
    return value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>();
}

/// What differs between an array and its expectation {dtype, shape, values_row_major}; empty where nothing
/// does.
inline std::string difference(const TensorData& tensor, const nlohmann::json& expected) {
    if (to_string(tensor.dtype) != short_dtype(expected["dtype"])) return "dtype " + to_string(tensor.dtype);
    if (nlohmann::json(tensor.shape) != expected["shape"])
        return "shape " + nlohmann::json(tensor.shape).dump();
    const auto& values = expected["values_row_major"];
    if (static_cast<std::size_t>(tensor.numel()) != values.size()) return "number of values";
    if (tensor.bytes.size() != values.size() * size_of(tensor.dtype)) return "number of bytes";
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double wanted = number_of(values[i]);
        const double found = value_at(tensor, i);
        const bool equal = std::isnan(wanted)
                               ? std::isnan(found)
                               : wanted == found && std::signbit(wanted) == std::signbit(found);
        if (!equal) return "value " + std::to_string(i) + ": " + std::to_string(found);
    }
    return {};
}

inline bool is_array_expectation(const nlohmann::json& value) {
    return value.is_object() && value.contains("values_row_major");
}

}  // namespace attune::test
