#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "attune/files/tensor_data.hpp"

namespace attune::detail {

/// What is wrong with an array: the end of a sentence that begins with where it stands.
struct NpyProblem : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What stands before the bytes of an array.
struct NpyHeader {
    std::size_t data_begin = 0;    ///< bytes before the data
    std::optional<DType> dtype;    ///< nothing for texts
    std::uint64_t item_bytes = 0;  ///< of one element
    bool big_endian = false;
    bool fortran_order = false;
    std::vector<std::int64_t> shape;
    std::uint64_t numel = 0;
    std::uint64_t data_bytes = 0;
};

/// The most bytes that a header, its magic included, may take.
inline constexpr std::size_t npy_header_limit = 65'536 + 12;

/// Reads the header at the beginning of `bytes`, which hold the first bytes of a file (all, or at least
/// `npy_header_limit`). Throws NpyProblem.
[[nodiscard]] NpyHeader read_npy_header(std::string_view bytes);

}  // namespace attune::detail
