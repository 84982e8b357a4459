#pragma once

#include "attune/finetune/network.hpp"

namespace attune::detail {

/// What a network's head does with its features.
enum class HeadForm {
    linear,    ///< one linear layer, with a bias
    unbiased,  ///< one linear layer, without
    other,     ///< anything else, such as a convolution whose answers are never negative
};

/// Asks the head what it makes of some features, in evaluation mode; the network is left as it was.
[[nodiscard]] HeadForm form_of_head(Network& network);

}  // namespace attune::detail
