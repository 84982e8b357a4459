#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attune/finetune/train/fit.hpp"

namespace at {
class Tensor;
}

namespace attune {

/// A head that was trained beside others.
struct HeadFit {
    FitResult result;
    std::shared_ptr<const at::Tensor> weight;  ///< outputs x features
    std::shared_ptr<const at::Tensor> bias;    ///< outputs
};

/// Which recipes can train as one computation: those with equal keys. Empty where a recipe has to train alone
/// (other than a head on features of classes with sgd, adam or adamw; mixing, penalties, accumulation, half
/// precision and weighted losses). Learning rate and schedule, momentum, weight decay, smoothing, dropout,
/// averaging, clipping, patience and the start of the head may differ within a group.
[[nodiscard]] std::string head_group_key(const Recipe& recipe, std::size_t stage_count);

/// Whether the network's head is one linear layer on its features and nothing else, as fit_heads needs it.
[[nodiscard]] bool has_plain_linear_head(Network& network);

/// Trains one head for each recipe, all with the same batches, as one batched computation: what fit() gives
/// to rounding, in a fraction of the time. The set needs features; the network is left as it was. `options`
/// has one entry for each recipe; of these on_epoch and stop hold (a head that is stopped leaves the group).
/// The same group gives the same bits.
///
/// Throws InvalidOption for recipes of different keys and as fit() does. Thread safety: as fit().
[[nodiscard]] std::vector<HeadFit> fit_heads(Network& network, const TrainingSet& set,
                                             std::span<const Recipe> recipes,
                                             std::span<const FitOptions> options);

/// Puts such a head into a network of as many outputs.
void put_head(Network& network, const HeadFit& head);

}  // namespace attune
