#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "attune/files/safetensors.hpp"
#include "attune/files/tensor_data.hpp"

namespace attune::detail {

/// An entry of a file, wherever its bytes are.
struct Source {
    const std::string& name;
    DType dtype;
    const std::vector<std::int64_t>& shape;
    std::span<const std::byte> bytes;
};

using Sources = std::vector<Source>;

/// Refer to the file.
[[nodiscard]] Sources sources_of(const TensorFile& file);
[[nodiscard]] Sources sources_of(const MappedSafetensors& file);

/// Throws FileError where bytes and shape differ.
void check_size(const Source& data);

/// A tensor of its own memory; unsigned numbers become wider signed ones. Throws as check_size
/// does, and where a number does not fit.
[[nodiscard]] torch::Tensor tensor_of(const Source& data);

}  // namespace attune::detail
