#include "attune/finetune/train/recipe.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "recipe_text.hpp"

namespace attune {
namespace {

template <typename Kind, std::size_t Count>
using Names = std::array<std::pair<const char*, Kind>, Count>;

constexpr Names<OptimizerKind, 15> optimizers{{{"sgd", OptimizerKind::sgd},
                                               {"asgd", OptimizerKind::asgd},
                                               {"adam", OptimizerKind::adam},
                                               {"adamw", OptimizerKind::adamw},
                                               {"adamax", OptimizerKind::adamax},
                                               {"nadam", OptimizerKind::nadam},
                                               {"radam", OptimizerKind::radam},
                                               {"adagrad", OptimizerKind::adagrad},
                                               {"adadelta", OptimizerKind::adadelta},
                                               {"rmsprop", OptimizerKind::rmsprop},
                                               {"rprop", OptimizerKind::rprop},
                                               {"lion", OptimizerKind::lion},
                                               {"lamb", OptimizerKind::lamb},
                                               {"lars", OptimizerKind::lars},
                                               {"lbfgs", OptimizerKind::lbfgs}}};
constexpr Names<TargetKind, 3> target_kinds{
    {{"classes", TargetKind::classes}, {"labels", TargetKind::labels}, {"numbers", TargetKind::numbers}}};
constexpr Names<RegressionLoss, 3> regression_losses{{{"squared", RegressionLoss::squared},
                                                      {"absolute", RegressionLoss::absolute},
                                                      {"huber", RegressionLoss::huber}}};
constexpr Names<Precision, 3> precisions{
    {{"float32", Precision::float32}, {"bfloat16", Precision::bfloat16}, {"float16", Precision::float16}}};
constexpr Names<HeadStart, 4> head_starts{{{"normal", HeadStart::normal},
                                           {"zeros", HeadStart::zeros},
                                           {"uniform", HeadStart::uniform},
                                           {"keep", HeadStart::keep}}};
constexpr Names<BatchNormPolicy, 3> policies{
    {{"frozen_in_frozen_stages", BatchNormPolicy::frozen_in_frozen_stages},
     {"all_frozen", BatchNormPolicy::all_frozen},
     {"all_training", BatchNormPolicy::all_training}}};

template <typename Table>
auto kind_of(const std::string& what, const std::string& name, const Table& table) {
    std::string known;
    for (const auto& [word, kind] : table) {
        if (name == word) return kind;
        known += (known.empty() ? "" : ", ") + std::string(word);
    }
    throw UnknownName(what + " \"" + name + "\" is not known; known are " + known);
}

template <typename Table, typename Kind>
std::string name_of(const Table& table, Kind kind) {
    for (const auto& [word, known] : table)
        if (known == kind) return word;
    return "?";
}

template <typename Number>
void require(bool holds, const std::string& option, Number value, const std::string& rule) {
    if (!holds) throw InvalidOption(fmt::format("recipe.{} {} must be {}", option, value, rule));
}

bool finite_above(double value, double low) { return std::isfinite(value) && value > low; }
bool finite_from(double value, double low) { return std::isfinite(value) && value >= low; }
bool below_one(double value) { return value >= 0 && value < 1; }

void validate_details(const OptimizerDetails& details) {
    const auto at_least_0 = [](const char* name, double value) {
        require(finite_from(value, 0), name, value, "at least 0");
    };
    const auto above_0 = [](const char* name, double value) {
        require(finite_above(value, 0), name, value, "above 0");
    };
    at_least_0("asgd_decay", details.asgd_decay);
    at_least_0("asgd_power", details.asgd_power);
    at_least_0("asgd_average_from", details.asgd_average_from);
    at_least_0("nadam_momentum_decay", details.nadam_momentum_decay);
    at_least_0("adagrad_learning_rate_decay", details.adagrad_learning_rate_decay);
    at_least_0("adagrad_initial_accumulator", details.adagrad_initial_accumulator);
    above_0("adagrad_epsilon", details.adagrad_epsilon);
    require(below_one(details.adadelta_rho), "adadelta_rho", details.adadelta_rho, "in [0, 1)");
    above_0("adadelta_epsilon", details.adadelta_epsilon);
    require(details.rprop_shrink > 0 && details.rprop_shrink < 1, "rprop_shrink", details.rprop_shrink,
            "in (0, 1)");
    require(finite_above(details.rprop_grow, 1), "rprop_grow", details.rprop_grow, "above 1");
    above_0("rprop_smallest", details.rprop_smallest);
    require(finite_from(details.rprop_largest, details.rprop_smallest), "rprop_largest",
            details.rprop_largest, "at least rprop_smallest");
    for (const double beta : details.lion_betas) require(below_one(beta), "lion_betas", beta, "in [0, 1)");
    above_0("lamb_epsilon", details.lamb_epsilon);
    at_least_0("lamb_largest_gradient_norm", details.lamb_largest_gradient_norm);
    above_0("lars_trust", details.lars_trust);
    require(details.lbfgs_iterations >= 1, "lbfgs_iterations", details.lbfgs_iterations, "at least 1");
    require(details.lbfgs_history >= 1, "lbfgs_history", details.lbfgs_history, "at least 1");
}

/// What L-BFGS, whose line search takes the loss and its gradient as they are, cannot follow.
void validate_line_search(const Recipe& recipe) {
    require(recipe.accumulation_steps == 1, "accumulation_steps", recipe.accumulation_steps,
            "1 with lbfgs, which evaluates its batch several times");
    require(recipe.gradient_clip_norm == 0, "gradient_clip_norm", recipe.gradient_clip_norm,
            "0 with lbfgs, whose line search needs the loss's own gradient");
    require(recipe.precision != Precision::float16, "precision", to_string(recipe.precision),
            "float32 or bfloat16 with lbfgs, whose line search needs gradients that are not scaled");
    require(recipe.thaw_every_epochs == 0, "thaw_every_epochs", recipe.thaw_every_epochs,
            "0 with lbfgs, whose memory is of one set of parameters");
    require(recipe.decay_biases_and_norms || recipe.weight_decay == 0, "decay_biases_and_norms",
            recipe.decay_biases_and_norms, "on with lbfgs, which has one weight decay for all parameters");
}

void validate_optimizer(const Recipe& recipe) {
    require(finite_above(recipe.learning_rate, 0), "learning_rate", recipe.learning_rate, "above 0");
    require(finite_above(recipe.head_learning_rate_multiplier, 0), "head_learning_rate_multiplier",
            recipe.head_learning_rate_multiplier, "above 0");
    require(recipe.layerwise_decay > 0 && recipe.layerwise_decay <= 1, "layerwise_decay",
            recipe.layerwise_decay, "in (0, 1]");
    require(below_one(recipe.momentum), "momentum", recipe.momentum, "in [0, 1)");
    require(below_one(recipe.dampening), "dampening", recipe.dampening, "in [0, 1)");
    const bool has_nesterov =
        recipe.optimizer == OptimizerKind::sgd || recipe.optimizer == OptimizerKind::lars;
    require(!recipe.nesterov || !has_nesterov || (recipe.momentum > 0 && recipe.dampening == 0), "nesterov",
            recipe.nesterov, "off unless momentum is above 0 and dampening is 0");
    for (const double beta : recipe.betas) require(below_one(beta), "betas", beta, "in [0, 1)");
    require(below_one(recipe.rmsprop_alpha), "rmsprop_alpha", recipe.rmsprop_alpha, "in [0, 1)");
    require(finite_above(recipe.epsilon, 0), "epsilon", recipe.epsilon, "above 0");
    require(finite_from(recipe.weight_decay, 0), "weight_decay", recipe.weight_decay, "at least 0");
    require(finite_from(recipe.gradient_clip_norm, 0), "gradient_clip_norm", recipe.gradient_clip_norm,
            "at least 0");
    require(recipe.gradient_clip_exponent >= 1, "gradient_clip_exponent", recipe.gradient_clip_exponent,
            "at least 1");
    require(recipe.accumulation_steps >= 1, "accumulation_steps", recipe.accumulation_steps, "at least 1");
    if (recipe.optimizer == OptimizerKind::lbfgs) validate_line_search(recipe);
    require(finite_from(recipe.l1, 0), "l1", recipe.l1, "at least 0");
    require(finite_from(recipe.l2_pretrained, 0), "l2_pretrained", recipe.l2_pretrained, "at least 0");
    require(below_one(recipe.ema_decay), "ema_decay", recipe.ema_decay, "in [0, 1)");
    require(below_one(recipe.swa_from), "swa_from", recipe.swa_from, "in [0, 1)");
    require(recipe.swa_from == 0 || recipe.ema_decay == 0, "swa_from", recipe.swa_from,
            "0 where ema_decay averages the weights");
    validate_details(recipe.optimizer_details);
    recipe.schedule.validate();
}

/// What is about weights and would be done to the factors of their corrections.
void validate_low_rank(const Recipe& recipe) {
    require(recipe.lora_rank >= 0, "lora_rank", recipe.lora_rank, "at least 0");
    require(finite_from(recipe.lora_alpha, 0), "lora_alpha", recipe.lora_alpha, "at least 0");
    if (recipe.lora_rank == 0) return;
    const auto off = [](const char* name, double value) {
        require(value == 0, name, value, "0 with lora_rank, whose factors are no weights");
    };
    off("l1", recipe.l1);
    off("l2_pretrained", recipe.l2_pretrained);
    off("ema_decay", recipe.ema_decay);
    off("swa_from", recipe.swa_from);
}

void validate_length(const Recipe& recipe) {
    require(recipe.epochs >= 1, "epochs", recipe.epochs, "at least 1");
    require(recipe.patience >= 0, "patience", recipe.patience, "at least 0");
    require(finite_from(recipe.min_delta, 0), "min_delta", recipe.min_delta, "at least 0");
    require(recipe.validate_every >= 1, "validate_every", recipe.validate_every, "at least 1");
}

/// What is only said of one of several classes.
void validate_targets(const Recipe& recipe) {
    if (recipe.targets == TargetKind::classes) return;
    const std::string rule = "off where targets are " + to_string(recipe.targets);
    require(recipe.label_smoothing == 0, "label_smoothing", recipe.label_smoothing, rule);
    require(!recipe.balance_classes, "balance_classes", recipe.balance_classes, rule);
    require(!recipe.balance_sampling, "balance_sampling", recipe.balance_sampling, rule);
    require(recipe.distillation_weight == 0, "distillation_weight", recipe.distillation_weight, rule);
    if (recipe.targets == TargetKind::labels) return;
    require(recipe.focal_gamma == 0, "focal_gamma", recipe.focal_gamma, rule);
    require(recipe.class_weights.empty(), "class_weights", recipe.class_weights.size(), rule);
}

void validate_data(const Recipe& recipe) {
    require(recipe.batch_size >= 1, "batch_size", recipe.batch_size, "at least 1");
    require(recipe.image_size == 0 || recipe.image_size >= 8, "image_size", recipe.image_size,
            "0 or at least 8");
    require(!recipe.test_views.empty(), "test_views", recipe.test_views.size(), "at least one view");
    require(below_one(recipe.label_smoothing), "label_smoothing", recipe.label_smoothing, "in [0, 1)");
    require(below_one(recipe.head_dropout), "head_dropout", recipe.head_dropout, "in [0, 1)");
    require(finite_from(recipe.mixup_alpha, 0), "mixup_alpha", recipe.mixup_alpha, "at least 0");
    require(finite_from(recipe.cutmix_alpha, 0), "cutmix_alpha", recipe.cutmix_alpha, "at least 0");
    if (recipe.stochastic_depth)
        require(below_one(*recipe.stochastic_depth), "stochastic_depth", *recipe.stochastic_depth,
                "in [0, 1)");
    require(finite_from(recipe.focal_gamma, 0), "focal_gamma", recipe.focal_gamma, "at least 0");
    require(recipe.distillation_weight >= 0 && recipe.distillation_weight <= 1, "distillation_weight",
            recipe.distillation_weight, "in [0, 1]");
    require(finite_above(recipe.distillation_temperature, 0), "distillation_temperature",
            recipe.distillation_temperature, "above 0");
    for (const double weight : recipe.class_weights)
        require(finite_from(weight, 0), "class_weights", weight, "at least 0");
    require(!recipe.balance_classes || recipe.class_weights.empty(), "balance_classes",
            recipe.balance_classes, "off where class_weights are given");
    require(!recipe.balance_sampling || !recipe.balance_classes, "balance_sampling", recipe.balance_sampling,
            "off where balance_classes weighs the loss");
    validate_targets(recipe);
    recipe.augmentation.validate();
    for (const auto& view : recipe.test_views) view.validate();
}

}  // namespace

BatchNormPolicy batch_norm_policy_from_name(const std::string& name) {
    return kind_of("batch-norm policy", name, policies);
}
std::string to_string(BatchNormPolicy policy) { return name_of(policies, policy); }

OptimizerKind optimizer_from_name(const std::string& name) {
    return name == "nag" ? OptimizerKind::sgd : kind_of("optimizer", name, optimizers);
}
std::string to_string(OptimizerKind kind) { return name_of(optimizers, kind); }

TargetKind target_kind_from_name(const std::string& name) {
    return kind_of("target kind", name, target_kinds);
}
std::string to_string(TargetKind kind) { return name_of(target_kinds, kind); }

RegressionLoss regression_loss_from_name(const std::string& name) {
    return kind_of("regression loss", name, regression_losses);
}
std::string to_string(RegressionLoss loss) { return name_of(regression_losses, loss); }

Precision precision_from_name(const std::string& name) { return kind_of("precision", name, precisions); }
std::string to_string(Precision precision) { return name_of(precisions, precision); }

HeadStart head_start_from_name(const std::string& name) { return kind_of("head start", name, head_starts); }
std::string to_string(HeadStart start) { return name_of(head_starts, start); }

void Recipe::validate() const {
    require(frozen_stages >= head_only, "frozen_stages", frozen_stages, "at least 0, or head_only (-1)");
    if (frozen_share)
        require(*frozen_share >= 0 && *frozen_share <= 1, "frozen_share", *frozen_share, "in [0, 1]");
    require(thaw_every_epochs >= 0, "thaw_every_epochs", thaw_every_epochs, "at least 0");
    require(finite_from(thaw_rise_epochs, 0), "thaw_rise_epochs", thaw_rise_epochs, "at least 0");
    validate_optimizer(*this);
    validate_low_rank(*this);
    validate_length(*this);
    validate_data(*this);
}

std::size_t Recipe::frozen_in(std::size_t stage_count) const {
    if (frozen_share)
        return static_cast<std::size_t>(std::lround(*frozen_share * static_cast<double>(stage_count)));
    if (frozen_stages == head_only) return stage_count;
    if (static_cast<std::size_t>(frozen_stages) > stage_count)
        throw InvalidOption(fmt::format("recipe.frozen_stages {} must be at most the network's {} stages",
                                        frozen_stages, stage_count));
    return static_cast<std::size_t>(frozen_stages);
}

std::map<std::string, std::string> Recipe::to_text() const {
    std::map<std::string, std::string> text;
    detail::for_each_option(*this,
                            [&](const char* name, const auto& value) { text[name] = detail::write(value); });
    return text;
}

Recipe recipe_from_text(const std::map<std::string, std::string>& text) {
    Recipe recipe;
    std::size_t used = 0;
    std::string known;
    detail::for_each_option(recipe, [&](const std::string& name, auto& value) {
        known += (known.empty() ? "" : ", ") + name;
        const auto found = text.find(name);
        if (found == text.end()) return;
        ++used;
        detail::read(name, found->second, value);
    });
    if (used == text.size()) return recipe;
    const auto defaults = recipe.to_text();
    for (const auto& [name, value] : text)
        if (!defaults.contains(name))
            throw UnknownName("recipe option \"" + name + "\" is not known; known are " + known);
    return recipe;
}

}  // namespace attune
