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

/// The library's own (see the headers of `optimizers/`); for others see FitOptions::make_optimizer.
enum class OptimizerKind {
    sgd,
    asgd,
    adam,
    adamw,
    adamax,
    nadam,
    radam,
    adagrad,
    adadelta,
    rmsprop,
    rprop,
    lion,
    lamb,
    lars,
    lbfgs,
};

/// By the names above; "nag" is sgd (set `nesterov`). Throws UnknownName that lists them.
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

/// What the head says about an image.
enum class TargetKind {
    classes,  ///< one of several classes; the data's labels
    labels,   ///< any of several labels, each with a probability of its own; targets of 0 and 1
    numbers,  ///< numbers: regression
};

/// Throws UnknownName that lists the known ones.
[[nodiscard]] TargetKind target_kind_from_name(const std::string& name);
[[nodiscard]] std::string to_string(TargetKind kind);

/// How errors of regression are weighed.
enum class RegressionLoss { squared, absolute, huber };

/// Throws UnknownName that lists the known ones.
[[nodiscard]] RegressionLoss regression_loss_from_name(const std::string& name);
[[nodiscard]] std::string to_string(RegressionLoss loss);

/// Number format of the network's products (weights, gradients and sums stay float32).
enum class Precision {
    float32,
    bfloat16,  ///< by torch's autocast
    float16,   ///< the same, with scaled gradients; on CUDA devices only
};

/// Throws UnknownName that lists the known ones.
[[nodiscard]] Precision precision_from_name(const std::string& name);
[[nodiscard]] std::string to_string(Precision precision);

/// What single optimizers have beside the options of Recipe; see their headers.
struct OptimizerDetails {
    double asgd_decay = 1e-4;
    double asgd_power = 0.75;
    double asgd_average_from = 1e6;
    double nadam_momentum_decay = 0.004;
    double adagrad_learning_rate_decay = 0;
    double adagrad_initial_accumulator = 0;
    double adagrad_epsilon = 1e-10;
    double adadelta_rho = 0.9;
    double adadelta_epsilon = 1e-6;
    double rprop_shrink = 0.5;
    double rprop_grow = 1.2;
    double rprop_smallest = 1e-6;
    double rprop_largest = 50;
    std::array<double, 2> lion_betas{0.9, 0.99};
    double lamb_epsilon = 1e-6;
    double lamb_largest_gradient_norm = 1;
    double lars_trust = 1e-3;
    bool clip_trust = false;  ///< of lamb and lars
    std::int64_t lbfgs_iterations = 20;
    std::int64_t lbfgs_history = 10;
};

/// Which number decides about the best epoch and patience. Where numbers are learnt it is always the loss.
enum class WatchedMetric { validation_accuracy, validation_loss };

/// How a network is fine-tuned. The default trains the head alone, on features that are computed once.
struct Recipe {
    // ---- what is trained
    static constexpr std::int64_t head_only = -1;
    std::int64_t frozen_stages = head_only;  ///< first stages kept as they are; 0: all is trained
    std::optional<double> frozen_share{};    ///< instead: share of the stages, rounded; 1: head only
    BatchNormPolicy batch_norm{};            ///< default: frozen_in_frozen_stages
    HeadStart head_start = HeadStart::normal;
    /// Step-by-step thawing (Howard and Ruder 2018): at first the head trains alone, and after each so many
    /// epochs one more stage, from the last to the first that is not frozen for good; 0: all train from the
    /// start.
    std::int64_t thaw_every_epochs = 0;
    /// The learning rate of a stage that thaws rises for so many epochs to that of the schedule, in a
    /// straight line from its share schedule.warm_up_start; 0: at once.
    double thaw_rise_epochs = 0;
    /// Rank of low-rank corrections (LoRA, Hu et al. 2022) that train in place of the weights of linear and
    /// convolution layers and of attention (see MatrixHolder) in stages that are not frozen; merged into the
    /// weights at the end. Their biases and norms stay as they are, and auxiliary heads do not train. Weight
    /// decay acts on the factors, as is usual. Not with l1, l2_pretrained, ema_decay or swa_from, which are
    /// about weights: the product of averaged factors is no average. 0: the weights themselves train.
    std::int64_t lora_rank = 0;
    double lora_alpha = 0;  ///< corrections count alpha / rank; 0: once
    TargetKind targets = TargetKind::classes;
    RegressionLoss regression_loss = RegressionLoss::squared;

    // ---- how it moves
    OptimizerKind optimizer = OptimizerKind::adamw;
    double learning_rate = 1e-3;               ///< of the head, unless multiplied; above 0
    double head_learning_rate_multiplier = 1;  ///< above 0
    double layerwise_decay = 1;  ///< each stage further from the head learns this times slower; (0, 1]
    double momentum = 0.9;       ///< of sgd and rmsprop, in [0, 1)
    bool nesterov = false;       ///< of sgd; needs momentum
    double dampening = 0;        ///< of sgd, in [0, 1)
    std::array<double, 2> betas{0.9, 0.999};  ///< of adam and its kin, and of lamb, in [0, 1)
    double rmsprop_alpha = 0.99;              ///< in [0, 1)
    bool amsgrad = false;                     ///< of adam and adamw (Reddi 2018)
    bool rmsprop_centered = false;            ///< gradients normalised by their variance
    double epsilon = 1e-8;                    ///< of adam, adamw and rmsprop
    double weight_decay = 0;             ///< coupled in sgd, adam, rmsprop; decoupled in adamw; at least 0
    bool decay_biases_and_norms = true;  ///< weight decay for one-dimensional parameters too
    double l1 = 0;  ///< times the sum of absolute weights, part of the loss; not with lora_rank
    /// Times half the squared distance from the pretrained weights (L2-SP, Li et al. 2018), part of the loss,
    /// for all that trains but the head. Not with lora_rank, whose corrections are no weights.
    double l2_pretrained = 0;
    double gradient_clip_norm = 0;        ///< of the whole gradient; 0: off
    double gradient_clip_exponent = 2;    ///< of that norm, at least 1; infinity: the largest value
    std::int64_t accumulation_steps = 1;  ///< batches to an update
    /// Of averaged weights, which are then the ones judged and kept; not with lora_rank. 0: off; in [0, 1).
    double ema_decay = 0;
    /// Instead: the mean of the weights after each epoch from this share of the training on (SWA), with batch
    /// statistics made anew for it at the end; a fit that is cancelled or ends as not finite makes none. Not
    /// with lora_rank. 0: off; in [0, 1).
    double swa_from = 0;
    OptimizerDetails optimizer_details{};
    Schedule schedule = Schedule();  // `{}` makes g++ 12 warn of uninitialised members at -O3
    Precision precision = Precision::float32;
    bool channels_last = false;  ///< memory layout of weights and images

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
    /// Of the last residual branch, less towards the first (Huang et al. 2016), in [0, 1); none: the
    /// network's own.
    std::optional<double> stochastic_depth{};
    double mixup_alpha = 0;  ///< Zhang 2018, lambda ~ Beta(alpha, alpha) a batch; at the cut (manifold mixup)
                             ///< where stages are frozen; 0: off
    /// Yun 2019, lambda ~ Beta(alpha, alpha) a batch; in what enters the first stage that trains. With mixup
    /// too, each batch takes one of them. 0: off.
    double cutmix_alpha = 0;
    std::vector<double> class_weights{};  ///< of the loss, one a class; empty: equal. Of labels: of the ones
    bool balance_classes = false;         ///< weights inverse to the classes' training counts instead
    bool balance_sampling = false;   ///< instead: each class is shown as often as any, in as many samples
    double focal_gamma = 0;          ///< Lin et al. 2017: less weight on what is certain; 0: off
    double distillation_weight = 0;  ///< share of the loss that is the teacher's (FitOptions); in [0, 1]
    double distillation_temperature = 2;  ///< Hinton et al. 2015, above 0

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
