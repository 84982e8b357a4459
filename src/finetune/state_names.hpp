#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "attune/files/tensor_data.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"

/// What the names of a network's entries tell.
namespace attune::detail {

inline bool begins_with_any(std::string_view name, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

inline bool is_batch_counter(std::string_view name) {
    return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked");
}

/// Whether a file has any entry of the network's auxiliary heads, by the names that `options` give its
/// entries: one that was saved for use only has lost them all.
[[nodiscard]] bool has_auxiliary_heads(const TensorFile& file, const Network& network,
                                       const LoadOptions& options = {});

}  // namespace attune::detail
