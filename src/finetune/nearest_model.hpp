#pragma once

#include <string>

#include "attune/finetune/zoo/model_zoo.hpp"
#include "tensor_source.hpp"

namespace attune::detail {

/// The network of the zoo that most likely made the file; empty where none is like it.
[[nodiscard]] std::string nearest_to(const Sources& file, const ModelZoo& zoo);

}  // namespace attune::detail
