#pragma once

#include <torch/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "attune/finetune/network.hpp"

namespace attune {

/// Which batch normalisations use and keep their running statistics (evaluation mode) while the network
/// trains.
enum class BatchNormPolicy {
    frozen_in_frozen_stages,  ///< those of frozen stages: what is frozen computes the same in training and
                              ///< after
    all_frozen,    ///< all of them, for batches too small to estimate statistics; scale and shift still train
    all_training,  ///< none: frozen stages adapt their statistics to the new images
};

/// The index of the stage that a parameter, buffer or module belongs to; stages().size() for the head.
/// Throws UnknownName for a name that is in neither.
[[nodiscard]] std::size_t stage_of(const Network& network, const std::string& name);

/// Freezes the first `count` stages (no gradients, and those they had are dropped) and unfreezes all others
/// and the head; then `set_training`. stages().size() freezes everything but the head. Throws InvalidOption
/// for more.
void freeze_stages(Network& network, std::size_t count,
                   BatchNormPolicy policy = BatchNormPolicy::frozen_in_frozen_stages);

/// Puts the network in training mode but for what has to stay in evaluation mode with the first
/// `frozen_count` stages frozen: the batch normalisations that `policy` says, and all else (such as dropout)
/// in frozen stages. To be called before each epoch, since torch's train() knows nothing of this. Throws
/// InvalidOption as `freeze_stages` does.
void set_training(Network& network, std::size_t frozen_count,
                  BatchNormPolicy policy = BatchNormPolicy::frozen_in_frozen_stages);

/// The trainable parameters of one stage, or of the head.
struct ParameterGroup {
    std::string name;   ///< the stage's, or the head's
    std::size_t stage;  ///< its index; stages().size() for the head
    std::vector<std::string> names;
    std::vector<torch::Tensor> parameters;
};

/// The groups that train with the first `frozen` stages frozen, from the input to the head, for learning
/// rates by depth; stages without parameters are left out. Throws InvalidOption as `freeze_stages` does.
[[nodiscard]] std::vector<ParameterGroup> parameter_groups(Network& network, std::size_t frozen = 0);

}  // namespace attune
