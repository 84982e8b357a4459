#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/train/recipe.hpp"

namespace at {
class Tensor;
}

namespace attune {

class FeatureCache;
class Network;
class Optimizer;
class ProcessGroup;
struct OptimizerGroup;

/// What a network is trained on: images with a training and a validation part, and features shared with
/// others.
struct TrainingSet {
    ImageData data;
    std::shared_ptr<FeatureCache>
        features{};  ///< may be null; must have been made of the same images and weights
    /// Of recipes whose targets are labels or numbers: rows of the data x K float32; labels are 0 or 1.
    std::shared_ptr<const at::Tensor> targets{};
    /// Of recipes with a distillation_weight: a network that tells the data's classes apart.
    std::shared_ptr<Network> teacher{};
};

/// The numbers of one epoch, named: train_loss, learning_rate, seconds always; validation_loss in epochs that
/// were validated, and with it validation_accuracy and validation_top5 (with more than five classes) of
/// classes; validation_accuracy (share of right labels) and validation_average_precision (mean over labels)
/// of labels; validation_mae, validation_rmse and validation_r2 (mean over outputs) of numbers. `epoch`
/// counts from 1.
struct EpochReport {
    std::int64_t epoch = 0;
    std::map<std::string, double> numbers;
};

enum class EpochAnswer {
    proceed,
    stop,
    pause,  ///< leave off, to be gone on with from the checkpoint
};

/// One update of the weights.
struct UpdateReport {
    std::int64_t step = 0;  ///< updates before it
    double loss = 0;        ///< mean over its samples
    double learning_rate = 0;
};

/// Called after every epoch, on the thread of `fit`; exceptions end the fit and are passed on.
using EpochCallback = std::function<EpochAnswer(const EpochReport&)>;

enum class FitEnd {
    completed,  ///< all epochs
    patience,   ///< no improvement for `patience` epochs
    stopped,    ///< the callback said so
    paused,     ///< the callback said so, and the checkpoint is written
    cancelled,  ///< the stop token said so; the checkpoint, where there is one, is of the last update
    /// The loss became NaN or infinite: such a configuration is bad, not an error. In float16, where a number
    /// may be too large for the format once, updates of such losses and gradients are left out, until no
    /// scale (see GradientScale) helps.
    not_finite,
};

[[nodiscard]] std::string to_string(FitEnd end);

struct FitOptions {
    EpochCallback on_epoch{};
    std::stop_token stop{};
    std::function<void(const UpdateReport&)> on_update{};  ///< after each update, on the thread of `fit`
    /// Frozen stages' outputs are kept for the length of the fit even without a shared cache, where they fit
    /// in this many bytes; 0: computed anew in each epoch.
    std::int64_t own_cache_bytes = 2LL << 30;

    /// A file that holds all that the training cannot be continued without: weights, optimizer, schedule,
    /// gradient scale, averages, best weights, random state and the place among the samples. It is written
    /// after each epoch (after the callback, so that a report is repeated rather than lost), each so many
    /// updates, and where the fit is paused or cancelled; each time whole or not at all. Where it is there at
    /// the start the fit goes on from it and ends with the bits that an unbroken one has (on one kind of
    /// processor, with the same number of threads); epochs before it are not reported again. It is left when
    /// the fit ends: another call then gives the same result at once. Empty: none.
    std::filesystem::path checkpoint{};
    std::int64_t checkpoint_every_steps = 0;  ///< updates; 0: after each epoch only
    /// Epochs that end sooner after the last checkpoint write none: short ones must not wait for the disk.
    /// Not negative.
    double checkpoint_spacing_seconds = 0;

    /// An optimizer of one's own in place of the recipe's, over the groups of parameters that train.
    std::function<std::unique_ptr<Optimizer>(std::vector<OptimizerGroup> groups)> make_optimizer{};
    /// A schedule of one's own in place of the recipe's: the factor on all learning rates, at least 0.
    std::function<double(const ScheduleMoment&)> learning_rate_factor{};

    /// Where the network computes, such as "cuda:0" (it is brought back to the CPU at the end), and a teacher
    /// beside it (then back where it was); features are computed there too where the cache's network is. What
    /// is computed on a device is the same from run to run to rounding only.
    std::string device = "cpu";

    /// Other processes that train the same network, by the same recipe and on the same data, with this one:
    /// each computes its part of every batch, and all come to the weights, to rounding, that one process
    /// comes to with the whole batches (of layers that look at whole batches, attune::BatchNorm2d and
    /// StochasticDepth do their part; what torch's own dropout inside a network leaves out is drawn by each
    /// process for itself). The first process's weights are those that all begin with. Answers of callbacks
    /// and stop tokens hold for all; the checkpoint is written by the first and must be seen by all. Frozen
    /// features are computed by each process for itself. Null: this process alone.
    std::shared_ptr<ProcessGroup> group{};
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
/// A head of another number of outputs is replaced (HeadStart::keep excepted). Frozen stages are not touched,
/// their batch-norm statistics included (unless the recipe's policy says otherwise). Without a validation
/// part the last epoch's weights are kept. All randomness comes from the recipe's seed and generators of its
/// own: the same network, data, recipe and number of torch threads give the same bits, whatever else runs
/// beside it. On return the network is in evaluation mode on the CPU and requires no gradients; also when an
/// exception passes (its weights are then those of the moment), but for a fit that is refused before it
/// begins, which leaves the network as it was.
///
/// Auxiliary heads of stages that train learn beside the head, each with its weight in the loss (and in
/// train_loss), unless the pictures are too small for them or low-rank corrections train. The probabilities
/// of dropout and stochastic depth that a recipe sets hold for the fit alone.
///
/// Numbers are learnt in units of their spread over the training rows, which the head's weights are rid of at
/// the end. Labels and numbers need a head that is one linear layer, numbers one with a bias.
///
/// A network of one input channel (Network::set_input_channels) is shown the mean of the normalised colours,
/// so grey pictures as they are; one of other than 1 and 3 channels is refused.
///
/// Throws InvalidOption for a recipe that cannot be used with this network and data, InvalidState for
/// features or a checkpoint that were made of other weights, images or recipes, FileError for a checkpoint
/// that cannot be read or written, ProcessGroupError where processes of the group are lost. Thread safety:
/// one network, one fit at a time; data and features are shared freely.
FitResult fit(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options = {});

/// A head for `classes` outputs whose start is drawn from `seed` alone (see HeadStart; keep only checks the
/// number).
void start_head(Network& network, std::int64_t classes, HeadStart start, std::uint64_t seed);

}  // namespace attune
