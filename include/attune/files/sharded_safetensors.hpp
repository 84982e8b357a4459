#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// Reads the safetensors files that an index (`model.safetensors.index.json`) names as one: an object whose
/// `weight_map` gives for each tensor the file, in the folder of the index, that holds it. Tensors come by
/// file in the order of their names, and in each in the order of its data; the texts and numbers of the
/// index's `metadata` become metadata, and so do those of the files.
///
/// Refused, by a FileError that begins with the path: an index above 64 MiB, of another form, or that names
/// files outside its folder; tensors that its file has not, and tensors of a file that the index does not
/// name. Thread-safe.
[[nodiscard]] TensorFile read_sharded_safetensors(const std::filesystem::path& index);

/// The names of those files, ascending. Throws FileError for an index that is refused for itself.
[[nodiscard]] std::vector<std::string> shards_of_index(const std::filesystem::path& index);

}  // namespace attune
