#pragma once

#include <string_view>
#include <vector>

#include "attune/files/name_map.hpp"

namespace attune::detail {

/// One table of rules, for the networks whose names begin with one of `models`.
struct KnownNameMap {
    std::string_view library;
    std::vector<std::string_view> models;
    std::vector<NameMap::Rule> rules;
};

[[nodiscard]] const std::vector<KnownNameMap>& known_name_maps();

}  // namespace attune::detail
