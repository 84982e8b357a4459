#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/train/schedule.hpp"

namespace attune {

enum class BatchNormPolicy;  // of attune/finetune/freeze.hpp

/// Throws UnknownName that lists the known ones.
[[nodiscard]] BatchNormPolicy batch_norm_policy_from_name(const std::string& name);
[[nodiscard]] std::string to_string(BatchNormPolicy policy);

enum class OptimizerKind { sgd, adam, adamw, rmsprop };

/// "sgd", "adam", "adamw" or "rmsprop"; "nag" is sgd (set `nesterov`). Throws UnknownName that lists them.
[[nodiscard]] OptimizerKind optimizer_from_name(const std::string& name);
[[nodiscard]] std::string to_string(OptimizerKind kind);

/// How a fresh head starts. Drawn from the recipe's seed, the same on every platform.
enum class HeadStart {
    normal,   ///< weights N(0, 0.01), bias 0
    zeros,    ///< all classes equally likely at first
    uniform,  ///< weights and bias U(-1/sqrt(fan in), 1/sqrt(fan in)), torch's for linear layers
    keep,     ///< the head as it is (training goes on); the number of classes must fit
};

/// Throws UnknownName that lists the known ones.
[[nodiscard]] HeadStart head_start_from_name(const std::string& name);
[[nodiscard]] std::string to_string(HeadStart start);

/// Which number decides about the best epoch and patience.
enum class WatchedMetric { validation_accuracy, validation_loss };

/// How a network is fine-tuned. The default trains the head alone, on features that are computed once.
struct Recipe {
    // ---- what is trained
    static constexpr std::int64_t head_only = -1;
    std::int64_t frozen_stages = head_only;  ///< first stages kept as they are; 0: all is trained
    std::optional<double> frozen_share{};    ///< instead: share of the stages, rounded; 1: head only
    BatchNormPolicy batch_norm{};            ///< default: frozen_in_frozen_stages
    HeadStart head_start = HeadStart::normal;

    // ---- how it moves
    OptimizerKind optimizer = OptimizerKind::adamw;
    double learning_rate = 1e-3;               ///< of the head, unless multiplied; above 0
    double head_learning_rate_multiplier = 1;  ///< above 0
    double layerwise_decay = 1;  ///< each stage further from the head learns this times slower; (0, 1]
    double momentum = 0.9;       ///< of sgd and rmsprop, in [0, 1)
    bool nesterov = false;       ///< of sgd; needs momentum
    double dampening = 0;        ///< of sgd, in [0, 1)
    std::array<double, 2> betas{0.9, 0.999};  ///< of adam and adamw, in [0, 1)
    double rmsprop_alpha = 0.99;              ///< in [0, 1)
    bool amsgrad = false;                     ///< of adam and adamw (Reddi 2018)
    bool rmsprop_centered = false;            ///< gradients normalised by their variance
    double epsilon = 1e-8;                    ///< of adam, adamw and rmsprop
    double weight_decay = 0;             ///< coupled in sgd, adam, rmsprop; decoupled in adamw; at least 0
    bool decay_biases_and_norms = true;  ///< weight decay for one-dimensional parameters too
    double gradient_clip_norm = 0;       ///< of the whole gradient's 2-norm; 0: off
    double ema_decay =
        0;  ///< of averaged weights, which are then the ones judged and kept; 0: off; in [0, 1)
    Schedule schedule{};

    // ---- how long
    std::int64_t epochs = 20;   ///< at least 1
    std::int64_t patience = 0;  ///< epochs without improvement before the end; 0: off
    double min_delta = 0;       ///< what counts as an improvement; at least 0
    WatchedMetric watched = WatchedMetric::validation_accuracy;
    bool restore_best =
        true;  ///< weights of the best validation epoch (ties: lower validation loss) at the end
    std::int64_t validate_every = 1;  ///< epochs between validations; the last epoch is always validated

    /// Validations during the training look through the first of the test views alone; the weights that are
    /// kept are then judged through all of them, once.
    bool quick_validation = false;

    // ---- on what
    std::int64_t batch_size = 32;  ///< at least 1; a last batch of one image is joined to the one before
    Augmentation augmentation{};
    std::vector<View> test_views{View{}};  ///< logits are averaged over these views
    std::int64_t image_size = 0;           ///< in pixels; 0: the data's

    // ---- what is learnt from it
    double label_smoothing = 0;  ///< in [0, 1)
    double head_dropout = 0;     ///< of features in front of the head, in [0, 1)
    double mixup_alpha = 0;  ///< Zhang 2018, lambda ~ Beta(alpha, alpha) a batch; at the cut (manifold mixup)
                             ///< where stages are frozen; 0: off
    std::vector<double> class_weights{};  ///< of the loss, one a class; empty: equal
    bool balance_classes = false;         ///< weights inverse to the classes' training counts instead

    std::uint64_t seed = 1;

    /// Throws InvalidOption that names the option, its value and the rule.
    void validate() const;

    /// Number of frozen stages in a network of `stage_count`. Throws InvalidOption for more than there are.
    [[nodiscard]] std::size_t frozen_in(std::size_t stage_count) const;

    /// Name and value of every option, in text that `recipe_from_text` understands.
    [[nodiscard]] std::map<std::string, std::string> to_text() const;
};

/// The recipe with the options of `text` set, others at their defaults. Throws UnknownName for an option that
/// does not exist and InvalidOption for a value that cannot be read.
[[nodiscard]] Recipe recipe_from_text(const std::map<std::string, std::string>& text);

}  // namespace attune
