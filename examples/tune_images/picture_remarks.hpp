#pragma once

#include <string>
#include <vector>

#include "attune/files/image_check.hpp"

/// What a look at the files found beside damage, which loading tells, a sentence each: counts, and the first
/// few names.
[[nodiscard]] std::vector<std::string> remarks_of(const attune::ImageSetReport& report);
