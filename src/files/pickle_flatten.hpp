#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "pickle.hpp"

namespace attune::detail {

/// What a pickled checkpoint holds, under dotted names.
struct FlatPickle {
    std::vector<std::pair<std::string, const PickleTensor*>>
        tensors;                                  ///< pointers into the graph, in its order
    std::map<std::string, std::string> metadata;  ///< numbers and texts
    std::vector<std::string> dictionaries;        ///< nested ones that hold tensors
};

/// Walks a graph from its root. Throws PickleProblem for nesting deeper than 64 (values that contain
/// themselves), more than two million values met on the way (values shared exponentially), 64 MiB of names
/// and two values of one name.
[[nodiscard]] FlatPickle flatten(const PickleGraph& graph);

}  // namespace attune::detail
