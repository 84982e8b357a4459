#pragma once

#include <filesystem>

#include "attune/files/tensor_data.hpp"

namespace attune {

/// Reads a weights file of any format that is known here, told by its content and not its name: safetensors,
/// an index of several of them, either format of `torch.save`, or NumPy's arrays (see `read_safetensors`,
/// `read_sharded_safetensors`, `read_torch_file`, `read_npz`, `read_npy`). Throws FileError. Thread-safe.
[[nodiscard]] TensorFile read_weights(const std::filesystem::path& path);

/// The plain state dictionary of a network inside `file`, which may be a training checkpoint.
///
/// A nested dictionary called state_dict, model_state_dict, model_state, model, net, network, module, weights
/// or params (the first of these that holds tensors, also within one another) is taken as the root; otherwise
/// the tensors that stand at the top; otherwise the only dictionary that holds tensors. A prefix `module.`
/// (of parallel training) or
/// `_orig_mod.` (of compilation) that all names share is removed. Optimiser states and the like are dropped;
/// metadata stays. In a flat file (safetensors) only the unmistakable prefixes `state_dict.` and
/// `model_state_dict.` are taken as nesting. Throws FileError where no tensors are left or several
/// dictionaries could be meant (it lists them).
[[nodiscard]] TensorFile state_dict_of(TensorFile file);

}  // namespace attune
