#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "attune/finetune/data/augmentation.hpp"

namespace attune {

class FeatureCache;
class Network;

/// What a probe of views found: accuracy on the validation part as it is, mirrored, turned and upside down,
/// in [0, 1].
struct ViewProbe {
    double plain = 0;
    double mirrored = 0;
    double turned = 0;    ///< the worse of a quarter turn and upside down
    Augmentation chosen;  ///< none, mirrored, or mirrored and turned
};

/// Finds out which changes of the pictures leave the classes alone, before any trial: a linear head is
/// trained on the features of the training part as it is, and judged on the validation part seen through each
/// change. A change that keeps at least `kept_share` of the accuracy above chance is taken as harmless.
/// Textures seen from above pass all; photographs pass mirroring; digits pass none. Takes one forward pass of
/// the validation part for each change. `network` has a head for the data's classes; its head is trained by
/// this.
[[nodiscard]] ViewProbe probe_views(Network& network, const std::shared_ptr<FeatureCache>& features,
                                    std::uint64_t seed, double kept_share = 0.6);

}  // namespace attune
