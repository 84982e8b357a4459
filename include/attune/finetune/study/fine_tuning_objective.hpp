#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attune/files/tensor_data.hpp"
#include "attune/files/weights_manifest.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/model_file.hpp"
#include "attune/finetune/train/recipe.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/tune/tuner.hpp"

namespace attune {

/// What the trials of a fine-tuning study share.
struct FineTuningTask {
    std::string model{};  ///< a name of the zoo
    ModelZoo zoo = ModelZoo::standard();
    std::shared_ptr<const TensorFile>
        weights{};                             ///< pretrained; null: random ones drawn from the recipe's seed
    ImageData data;                            ///< with training and validation parts
    Recipe recipe{};                           ///< what the configuration does not say
    std::shared_ptr<FeatureCache> features{};  ///< outputs of frozen stages; null: none are shared
    /// Where trials train that train more than a head on shared features (FitOptions::device).
    std::string device = "cpu";
    /// Whose mean and std normalise pictures for the weights, such as a manifest's; none: the network's own.
    std::optional<WeightsPreprocessing> preprocessing{};
    /// Of the network: 3, or 1 for grey pictures, whose first convolution then gets the sum of its weights
    /// over the colours (Network::set_input_channels).
    std::int64_t input_channels = 3;
    std::filesystem::path models_folder{};  ///< where the models of the best trials are kept; empty: nowhere

    /// A network for the task: pretrained where there are weights, with a fresh head for the data's classes;
    /// drawn from the recipe's seed. Torch's default generator is left as it was.
    [[nodiscard]] NetworkPtr make_network() const;
};

/// What a fine-tuning study aims at: validation accuracy, and among equals (small validation parts have many)
/// the lower loss.
[[nodiscard]] Objective fine_tuning_aim();

/// How good a trial is by that aim.
struct FineTuningScore {
    double accuracy = 0;
    double loss = 0;
    friend bool operator<(const FineTuningScore& a, const FineTuningScore& b) {  // a is worse than b
        return a.accuracy != b.accuracy ? a.accuracy < b.accuracy : a.loss > b.loss;
    }
};

/// A model of a trial; see FineTuningObjective::model_of.
struct TrialModel {
    NetworkPtr network;
    ModelCard card;
    std::string made_again_because{};  ///< what was wrong with the file; empty where it was read
};

/// An objective for Tuner::run that fine-tunes a network by the recipe of the trial's configuration (see
/// recipe_for), reports every epoch, stops when told to and ends with `validation_accuracy` and
/// `validation_loss` (see fine_tuning_aim) and `best_epoch`.
///
/// Where the trial has a place for a checkpoint (TunerOptions::checkpoint_folder) its training is kept there
/// after each epoch: a trial that was killed or paused goes on exactly, and ends with the bits that it would
/// have ended with. The checkpoint is removed when the trial is over.
///
/// The model of a trial that is the best so far is on disk before the study hears of the result, so a crash
/// between the two loses nothing; models that are neither the best nor trial 0 (the default recipe, for
/// comparison) are removed again. A loss that is not finite fails the trial. Trials that train the head alone
/// on shared features take turns with one network (one for each trial at a time), of which nothing but the
/// head ever changes, and give the same bits as with networks of their own. Thread-safe: trials run side by
/// side.
class FineTuningObjective {
  public:
    explicit FineTuningObjective(FineTuningTask task);

    /// Learns from the study of an earlier run whose model is the best so far. Call before the run.
    void remember(const Study& study);

    void operator()(Trial& trial);

    /// The same for several trials at once (TunerOptions::group_size): those that train the head alone on
    /// shared features with recipes of one kind (see head_group_key) train as one computation, in a fraction
    /// of the time and with results equal to rounding; the others one after the other. Trials that have a
    /// place for checkpoints are gone on with from the start where they train together: they take seconds.
    void operator()(std::span<Trial> trials);

    [[nodiscard]] const FineTuningTask& task() const { return task_; }
    [[nodiscard]] std::size_t stage_count() const { return stage_count_; }
    [[nodiscard]] std::filesystem::path model_path(std::int64_t trial) const;

    /// The model of a finished trial with a value: as it was saved or, where its file is gone, damaged or of
    /// something else, trained again as the trial was and saved again. Throws FileError where it cannot be.
    [[nodiscard]] TrialModel model_of(const TrialRecord& trial);

  private:
    [[nodiscard]] TrialModel saved_model(const TrialRecord& trial) const;
    [[nodiscard]] std::pair<NetworkPtr, ModelCard> refit(const TrialRecord& trial) const;
    [[nodiscard]] bool may_share_network(const Recipe& recipe) const;
    [[nodiscard]] bool trains_on_features(const Recipe& recipe) const;
    void train_together(std::span<Trial* const> trials);
    void alone(Trial& trial);
    void conclude(Trial& trial, const Recipe& recipe, const FitResult& result, Network& network);
    [[nodiscard]] EpochCallback reporter(Trial& trial) const;
    [[nodiscard]] NetworkPtr take_network(const Recipe& recipe);
    void give_back(NetworkPtr network, const Recipe& recipe);
    void keep_if_best(std::int64_t trial, FineTuningScore score, Network& network, const ModelCard& card);
    [[nodiscard]] ModelCard card(const Recipe& recipe, std::int64_t trial, FineTuningScore score) const;

    FineTuningTask task_;
    std::size_t stage_count_;
    bool has_plain_head_ = false;
    std::mutex mutex_;
    std::optional<std::pair<FineTuningScore, std::int64_t>> best_;  // guarded by mutex_
    std::mutex idle_mutex_;
    std::vector<NetworkPtr> idle_;  // guarded by idle_mutex_; all but their heads is frozen
};

}  // namespace attune
