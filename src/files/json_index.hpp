#pragma once

#include "byte_source.hpp"

namespace attune::detail {

/// Whether the file begins as the index of a sharded file does: with a brace, spaces aside. (A safetensors
/// file would then have a header of more than its 100 MB.)
[[nodiscard]] bool is_json_object(const ByteSource& source);

}  // namespace attune::detail
