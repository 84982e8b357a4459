#pragma once

#include <string>
#include <vector>

#include "attune/files/image_check.hpp"
#include "attune/files/image_dataset.hpp"

/// What a look at the files found beside damage, which loading tells, and equal pictures, which
/// attune::remarks_on() tells of the parts as they are in the end; a sentence each: counts, and the first few
/// names.
[[nodiscard]] std::vector<std::string> remarks_of(const attune::ImageSetReport& report);

/// A class of a folder of class folders whose pictures all lie in several folders inside it: these may be the
/// classes that are meant.
[[nodiscard]] std::vector<std::string> remarks_on_nested_folders(const attune::ImageListing& listing);
