#pragma once

#include <cstddef>
#include <string>

#include "attune/storage/json_codec.hpp"
#include "attune/study/study.hpp"

namespace attune::program {

/// Which objective of the study has this metric; the first one where `metric` is empty. Throws UnknownName
/// that lists them.
[[nodiscard]] std::size_t objective_index(const Study& study, const std::string& metric);

/// `{"importance": {"lr": 0.7, ...}}`, in the order of the space; all 0 while too few trials have a value.
/// With `details` beside it the trials that it is from, intervals, whether they can be believed, and the
/// branches of a conditional space. Throws UnknownName for a method or metric that there is not.
[[nodiscard]] Json importance_json(const Study& study, const std::string& method, const std::string& metric,
                                   bool details);

}  // namespace attune::program
