#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

/// What the names of a network's entries tell.
namespace attune::detail {

inline bool begins_with_any(std::string_view name, const std::vector<std::string>& prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

inline bool is_batch_counter(std::string_view name) {
    return name == "num_batches_tracked" || name.ends_with(".num_batches_tracked");
}

}  // namespace attune::detail
