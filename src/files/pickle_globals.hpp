#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pickle.hpp"

namespace attune::detail {

/// "module name" where that name is on the white list; throws PickleProblem that names it where it is not.
[[nodiscard]] std::string allowed_global(const std::string& module, const std::string& name);

/// What the call of an allowed name gives: a dictionary, a tensor description or a tuple.
[[nodiscard]] PickleValue call_global(const PickleGraph& graph, const std::string& name,
                                      const std::vector<PickleRef>& arguments);

/// The storage that a persistent id describes.
[[nodiscard]] PickleStorage storage_of_id(const PickleGraph& graph, PickleRef id);

/// A word for the kind of a value, for messages.
[[nodiscard]] std::string kind_of(const PickleValue& value);

}  // namespace attune::detail
