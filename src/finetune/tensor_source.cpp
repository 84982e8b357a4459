#include "tensor_source.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "../files/byte_source.hpp"
#include "attune/error.hpp"
#include "attune/finetune/state_dict.hpp"

namespace attune {
namespace detail {
namespace {

torch::ScalarType storage_type(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return torch::kBool;
        case DType::u8:
            return torch::kUInt8;
        case DType::i8:
            return torch::kInt8;
        case DType::i16:
            return torch::kInt16;
        case DType::f16:
            return torch::kFloat16;
        case DType::bf16:
            return torch::kBFloat16;
        case DType::u16:
        case DType::i32:
            return torch::kInt32;
        case DType::f32:
            return torch::kFloat32;
        case DType::f64:
            return torch::kFloat64;
        case DType::u32:
        case DType::i64:
        case DType::u64:
            return torch::kInt64;
    }
    throw InvalidOption(fmt::format("the element type {} is unknown", static_cast<int>(dtype)));
}

DType dtype_of(torch::ScalarType type) {
    switch (type) {
        case torch::kBool:
            return DType::boolean;
        case torch::kUInt8:
            return DType::u8;
        case torch::kInt8:
            return DType::i8;
        case torch::kInt16:
            return DType::i16;
        case torch::kFloat16:
            return DType::f16;
        case torch::kBFloat16:
            return DType::bf16;
        case torch::kInt32:
            return DType::i32;
        case torch::kFloat32:
            return DType::f32;
        case torch::kFloat64:
            return DType::f64;
        case torch::kInt64:
            return DType::i64;
        default:
            throw InvalidOption(
                fmt::format("tensors of type {} have no place in weight files", torch::toString(type)));
    }
}

bool is_wide_unsigned(DType dtype) {
    return dtype == DType::u16 || dtype == DType::u32 || dtype == DType::u64;
}

Source source_of(const std::string& name, const TensorData& data) {
    return {name, data.dtype, data.shape, data.bytes};
}

template <typename From, typename To>
void widen(const Source& data, torch::Tensor& tensor) {
    auto* to = tensor.data_ptr<To>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
        From value{};
        std::memcpy(&value, data.bytes.data() + static_cast<std::size_t>(i) * sizeof(From), sizeof(From));
        if (std::in_range<To>(value))
            to[i] = static_cast<To>(value);
        else
            throw FileError(fmt::format("an array holds {}, which does not fit 63 bits", value));
    }
}

}  // namespace

Sources sources_of(const TensorFile& file) {
    Sources sources;
    for (const auto& [name, data] : file.tensors) sources.push_back(source_of(name, data));
    return sources;
}

Sources sources_of(const MappedSafetensors& file) {
    Sources sources;
    for (const auto& tensor : file.tensors())
        sources.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
    return sources;
}

void check_size(const Source& data) {
    for (const auto side : data.shape)
        if (side < 0)
            throw FileError(
                fmt::format("an array has the shape {}; no side may be negative", shape_text(data.shape)));
    const auto expected =
        static_cast<std::size_t>(TensorData{data.dtype, data.shape, {}}.numel()) * size_of(data.dtype);
    if (data.bytes.size() != expected)
        throw FileError(fmt::format("an array of shape {} and type {} has {} bytes; it must have {}",
                                    shape_text(data.shape), to_string(data.dtype), data.bytes.size(),
                                    expected));
}

torch::Tensor tensor_of(const Source& data) {
    check_size(data);
    auto tensor = torch::empty(data.shape, storage_type(data.dtype));
    if (!is_wide_unsigned(data.dtype) && !data.bytes.empty())
        std::memcpy(tensor.data_ptr(), data.bytes.data(), data.bytes.size());
    if (data.dtype == DType::u16) widen<std::uint16_t, std::int32_t>(data, tensor);
    if (data.dtype == DType::u32) widen<std::uint32_t, std::int64_t>(data, tensor);
    if (data.dtype == DType::u64) widen<std::uint64_t, std::int64_t>(data, tensor);
    return tensor;
}

}  // namespace detail

torch::Tensor to_tensor(const TensorData& data) {
    static const std::string unnamed;
    return detail::tensor_of(detail::source_of(unnamed, data));
}

TensorData to_tensor_data(const torch::Tensor& tensor) {
    const auto plain = tensor.detach().to(torch::kCPU).contiguous();
    TensorData data{
        .dtype = detail::dtype_of(plain.scalar_type()), .shape = plain.sizes().vec(), .bytes = {}};
    data.bytes.resize(static_cast<std::size_t>(plain.numel()) * plain.element_size());
    if (!data.bytes.empty()) std::memcpy(data.bytes.data(), plain.data_ptr(), data.bytes.size());
    return data;
}

}  // namespace attune
