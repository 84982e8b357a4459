#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/network.hpp"

namespace attune::detail {

/// What the parameters of an auxiliary head begin with.
[[nodiscard]] std::string prefix_of(const AuxiliaryHead& head);

/// Whether a parameter or buffer belongs to an auxiliary head: features do not depend on it.
[[nodiscard]] bool is_auxiliary(const Network& network, const std::string& name);

/// Draws the replaceable layers of the auxiliary heads that hang on stages from `first` on from the seed
/// alone, as a fresh head is: weights N(0, 0.01), bias 0.
void start_auxiliary_heads(Network& network, std::size_t first, std::uint64_t seed);

/// Loss weights and logits of auxiliary heads.
using AuxiliaryLogits = std::vector<std::pair<double, torch::Tensor>>;

/// What becomes of auxiliary heads for which pictures are too small: an InvalidOption, or they are left out,
/// as the network can be trained without them.
enum class SmallPictures { refused, left_out };

/// Features of the last stage from the output of stage first - 1, and on the way the logits of the auxiliary
/// heads that hang on stages which were run.
[[nodiscard]] torch::Tensor forward_with_auxiliary(Network& network, torch::Tensor x, std::size_t first,
                                                   SmallPictures small, AuxiliaryLogits& auxiliary);

}  // namespace attune::detail
