#pragma once

#include <filesystem>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// Reads what Python's `torch.save` wrote (`.pth`, `.pt`, `.th`): zip archives since torch 1.6 and the older
/// pickle stream, told apart by content. Nothing is executed: the pickle is interpreted by a machine that
/// knows dictionaries, lists, numbers, texts and the functions that rebuild tensors, and refuses every other
/// name.
///
/// Tensors inside nested dictionaries and lists get dotted names (`state_dict.conv1.weight`,
/// `optimizer.state.0.step`); a file that is one bare tensor names it `tensor`. Views (strided, shared,
/// expanded) become contiguous copies; devices are ignored. Numbers, texts, `true`, `false` and `null` become
/// metadata under their dotted names. The metadata entry `attune.dictionaries` holds the dotted names of the
/// nested dictionaries, one a line, for `state_dict_of`.
///
/// Throws FileError that begins with the path and names the offending thing: truncated or damaged archives,
/// checksums that do not match, unknown globals, storages or operations, nesting deeper than 64, views that
/// read outside their storage, big-endian files, element types without a DType (complex, quantised),
/// TorchScript archives. Memory: all tensors together at most eight times the file's size plus 64 MiB.
/// Thread-safe.
[[nodiscard]] TensorFile read_torch_file(const std::filesystem::path& path);

/// Writes `file` as `torch.save` does a state dictionary (an ordered dictionary of CPU tensors in a zip
/// archive), so that Python's `torch.load(path, weights_only=True)` opens it; names keep their dots. Metadata
/// is not written: a state dictionary has no place for it. The same content gives the same bytes, and the
/// file appears only when complete and flushed (see AtomicFile). Throws FileError, also for names that occur
/// twice, tensors whose bytes do not fit their shape and unsigned integers of 16 bits and more, which
/// torch.save has no storage for.
void write_torch_file(const std::filesystem::path& path, const TensorFile& file);

/// The metadata key under which `read_torch_file` lists nested dictionaries.
inline constexpr const char* nested_dictionaries_key = "attune.dictionaries";

}  // namespace attune
