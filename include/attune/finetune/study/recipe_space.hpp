#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "attune/finetune/train/recipe.hpp"
#include "attune/space/space.hpp"

namespace attune {

/// The recipe that a configuration stands for: `base` with every active parameter of the space put over the
/// option of the same name (the names of Recipe::to_text, such as "learning_rate" or "horizontal_flip").
///
/// One more name is understood: "trained_stages", the number of stages that train before the head (0: the
/// head alone), out of `stage_count`. So any space over these names tunes any recipe. Throws UnknownName for
/// other names and InvalidOption for values that no recipe can have.
[[nodiscard]] Recipe recipe_for(const Configuration& configuration, const Recipe& base,
                                std::size_t stage_count);

/// Which depths a study may choose from, as numbers of trained stages before the head.
using TrainedDepths = std::vector<std::size_t>;

/// Reads how much is to be trained: "head", "all", a number of stages, the name of the first stage that
/// trains (such as "features.14" or "layer4"), "auto" (the head alone or the last quarter of the stages: the
/// study finds out) or "any" (these or all). `stage_names` are the network's. Throws InvalidOption that lists
/// what is understood.
[[nodiscard]] TrainedDepths trained_depths(const std::string& text,
                                           const std::vector<std::string>& stage_names);

/// A search space for fine-tuning with AdamW that fits most image sets: learning rate of pretrained stages,
/// the head's multiple of it, weight decay, label smoothing, dropout and, where `depths` leaves a choice,
/// depth. A single depth is no parameter: it belongs into the recipe beneath, as its `frozen_stages`.
[[nodiscard]] SearchSpace fine_tuning_space(const TrainedDepths& depths);

/// The point of `fine_tuning_space` that is the library's default recipe, for the first trial: a study then
/// never ends below the default.
[[nodiscard]] std::vector<std::pair<std::string, Value>> default_configuration(const TrainedDepths& depths);

}  // namespace attune
