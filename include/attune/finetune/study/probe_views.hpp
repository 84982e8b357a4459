#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attune/finetune/data/augmentation.hpp"

namespace attune {

class FeatureCache;
class Network;

/// Accuracy, in [0, 1], and mean log loss of a linear head on the validation part.
struct ViewScore {
    double accuracy = 0;
    double loss = 0;
};

/// What became of one set of views.
struct ViewTrial {
    std::string name;  ///< "mirrored", "mirrored and turned"
    Augmentation augmentation;
    double seen_accuracy =
        0;  ///< of the head trained without them, on pictures changed by them; the worst of the changes
    std::optional<ViewScore>
        retrained{};  ///< of a head trained and judged with them; none where that was not worth trying
    bool taken = false;
};

/// What a probe of views found.
struct ViewProbe {
    ViewScore plain;                ///< of a head trained and judged on the pictures as they are
    std::vector<ViewTrial> trials;  ///< mirrored; where that was taken also mirrored and turned
    Augmentation chosen;            ///< none, mirrored, or mirrored and turned
};

struct ViewProbeOptions {
    /// Share of the accuracy above chance that a head which never saw a change must keep on changed pictures
    /// for the change to be worth a training. In [0, 1].
    double kept_share = 0.6;
    /// The same where the features of the views pass the cache's memory limit, so that no training can
    /// decide. In [0, 1].
    double kept_share_unseen = 0.95;
    /// Further cuts whose features are computed in the same passes over the images (see FeatureCache), where
    /// trials will ask for them.
    std::vector<std::size_t> further_cuts{};

    /// Throws InvalidOption.
    void validate() const;
};

/// Finds out, before any trial, which changes of the pictures help: mirroring, then quarter turns beside it.
///
/// A linear head is trained on the features of the training part as it is. A change that leaves it too little
/// of its accuracy (ViewProbeOptions) speaks of classes that the change mixes up and is refused at once, for
/// the price of one forward pass of the validation part. Otherwise a second head is trained and judged with
/// the changed views, and these are taken where the validation loss falls and the accuracy does not: of the
/// images on which the two heads differ, those lost may outnumber those won by one standard error, the root
/// of their number. The features that this computes stay in the cache for the trials. `network` has a head
/// for the data's classes, which is trained anew. Throws what fit() and FeatureCache throw.
[[nodiscard]] ViewProbe probe_views(Network& network, const std::shared_ptr<FeatureCache>& features,
                                    std::uint64_t seed, const ViewProbeOptions& options = {});

}  // namespace attune
