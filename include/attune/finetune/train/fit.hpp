#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/train/recipe.hpp"

namespace attune {

class FeatureCache;
class Network;

/// What a network is trained on: images with a training and a validation part, and features shared with
/// others.
struct TrainingSet {
    ImageData data;
    std::shared_ptr<FeatureCache>
        features{};  ///< may be null; must have been made of the same images and weights
};

/// The numbers of one epoch, named: train_loss, learning_rate, seconds always; validation_loss,
/// validation_accuracy and validation_top5 (with more than five classes) in epochs that were validated.
/// `epoch` counts from 1.
struct EpochReport {
    std::int64_t epoch = 0;
    std::map<std::string, double> numbers;
};

enum class EpochAnswer { proceed, stop };

/// Called after every epoch, on the thread of `fit`; exceptions end the fit and are passed on.
using EpochCallback = std::function<EpochAnswer(const EpochReport&)>;

enum class FitEnd {
    completed,   ///< all epochs
    patience,    ///< no improvement for `patience` epochs
    stopped,     ///< the callback said so
    cancelled,   ///< the stop token said so
    not_finite,  ///< the loss became NaN or infinite: such a configuration is bad, not an error
};

[[nodiscard]] std::string to_string(FitEnd end);

struct FitOptions {
    EpochCallback on_epoch{};
    std::stop_token stop{};
    /// Frozen stages' outputs are kept for the length of the fit even without a shared cache, where they fit
    /// in this many bytes; 0: computed anew in each epoch.
    std::int64_t own_cache_bytes = 2LL << 30;
};

/// What happened in a fit, best and last epoch, and all numbers by epoch.
struct FitResult {
    FitEnd end = FitEnd::completed;
    std::string message;  ///< one sentence on how it ended
    std::int64_t epochs_run = 0;
    std::int64_t best_epoch = 0;  ///< 0 where no epoch was validated
    double best_validation_accuracy = 0;
    double best_validation_loss = 0;
    /// Of the weights that are left in the network, through all test views; 0 without validation images.
    double validation_accuracy = 0;
    double validation_loss = 0;
    double last_train_loss = 0;
    std::int64_t steps = 0;
    std::int64_t trained_parameters = 0;
    std::size_t frozen_stages = 0;
    bool used_cached_features = false;
    double duration_seconds = 0;
    std::vector<EpochReport> history;
};

/// Fine-tunes `network` in place by a recipe.
///
/// A head of another number of classes is replaced (HeadStart::keep excepted). Frozen stages are not touched,
/// their batch-norm statistics included (unless the recipe's policy says otherwise). Without a validation
/// part the last epoch's weights are kept. All randomness comes from the recipe's seed and generators of its
/// own: the same network, data, recipe and number of torch threads give the same bits, whatever else runs
/// beside it. On return the network is in evaluation mode and requires no gradients; also when an exception
/// passes (its weights are then those of the moment).
///
/// Throws InvalidOption for a recipe that cannot be used with this network and data, InvalidState for
/// features that were made of other weights or images. Thread safety: one network, one fit at a time; data
/// and features are shared freely.
FitResult fit(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options = {});

/// A head for `classes` classes whose start is drawn from `seed` alone (see HeadStart; keep only checks the
/// number).
void start_head(Network& network, std::int64_t classes, HeadStart start, std::uint64_t seed);

}  // namespace attune
