#pragma once

#include <cstdint>
#include <filesystem>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// Reads an array of NumPy (`.npy`, versions 1 to 3) as a file with one tensor called `array`.
///
/// Booleans, integers and reals of 16 to 64 bits, little- or big-endian, in C or Fortran order, come out
/// little-endian and row-major. An array of texts (`<U..`) becomes metadata under its name: a JSON list of
/// its texts in row-major order. Refused, by a FileError that begins with the path: objects (they are
/// pickles), records, complex numbers and dates; headers that are damaged or longer than 64 KiB; content
/// shorter or longer than the header says. Thread-safe.
[[nodiscard]] TensorFile read_npy(const std::filesystem::path& path);

/// Reads a zip archive of such arrays (`.npz` of `numpy.savez` and `numpy.savez_compressed`); the names are
/// those of the entries without `.npy`, in their order by name. All arrays together may take `max_bytes`, by
/// default eight times the file's size plus 64 MiB, whatever the archive claims. Entries that are no arrays
/// are refused. Errors and thread safety as `read_npy`.
[[nodiscard]] TensorFile read_npz(const std::filesystem::path& path, std::uint64_t max_bytes = 0);

}  // namespace attune
