#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "attune/files/tensor_data.hpp"
#include "fuzz/fuzz_support.hpp"

namespace attune::fuzz {

/// What a reader of weights has promised: whole tensors, and memory within its limit.
inline void check_tensors(const TensorFile& file, std::size_t file_bytes) {
    std::size_t total = 0;
    for (const auto& [name, tensor] : file.tensors) {
        require(tensor.bytes.size() == static_cast<std::size_t>(tensor.numel()) * size_of(tensor.dtype),
                "a tensor has the bytes of its shape");
        (void)non_finite_values(tensor.dtype, tensor.bytes);
        total += tensor.bytes.size();
    }
    require(total <= 8 * file_bytes + (64U << 20), "tensors stay within the limit on memory");
}

}  // namespace attune::fuzz
