#include "attune/finetune/train/fit_heads.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "batch_plan.hpp"
#include "clock_seconds.hpp"
#include "evaluation_mode.hpp"
#include "fit_messages.hpp"
#include "head_bank.hpp"
#include "judging.hpp"
#include "targets.hpp"
#include "training_inputs.hpp"

namespace attune {
namespace {

/// Options that may differ between heads of a group.
constexpr std::array free_options{"learning_rate",
                                  "head_learning_rate_multiplier",
                                  "layerwise_decay",
                                  "weight_decay",
                                  "label_smoothing",
                                  "head_dropout",
                                  "momentum",
                                  "dampening",
                                  "betas",
                                  "epsilon",
                                  "ema_decay",
                                  "gradient_clip_norm",
                                  "patience",
                                  "min_delta",
                                  "watched",
                                  "head_start",
                                  "schedule",
                                  "warm_up_epochs",
                                  "warm_up_share",
                                  "warm_up_start",
                                  "final_factor",
                                  "step_epochs",
                                  "milestones",
                                  "gamma",
                                  "power",
                                  "cycle_epochs",
                                  "cycle_multiplier",
                                  "cycle_height",
                                  "lowest_momentum",
                                  "plateau_factor",
                                  "plateau_patience",
                                  "plateau_threshold",
                                  "plateau_relative",
                                  "plateau_cooldown",
                                  "plateau_smallest",
                                  "plateau_least_change",
                                  "one_cycle_warm_up_share",
                                  "one_cycle_start_divisor",
                                  "one_cycle_end_divisor",
                                  "one_cycle_linear",
                                  "one_cycle_three_phases",
                                  "restore_best"};

bool trains_alone(const Recipe& recipe, std::size_t stage_count) {
    const bool known_optimizer = recipe.optimizer == OptimizerKind::sgd ||
                                 recipe.optimizer == OptimizerKind::adam ||
                                 recipe.optimizer == OptimizerKind::adamw;
    return recipe.frozen_in(stage_count) != stage_count || recipe.targets != TargetKind::classes ||
           recipe.batch_norm == BatchNormPolicy::all_training || recipe.head_start == HeadStart::keep ||
           !recipe.augmentation.cacheable() || !known_optimizer || recipe.amsgrad || recipe.mixup_alpha > 0 ||
           recipe.cutmix_alpha > 0 || recipe.focal_gamma > 0 || !recipe.class_weights.empty() ||
           recipe.balance_classes || recipe.distillation_weight > 0 || recipe.l1 > 0 ||
           recipe.l2_pretrained > 0 || recipe.swa_from > 0 || recipe.accumulation_steps > 1 ||
           recipe.gradient_clip_exponent != 2 || recipe.precision != Precision::float32 ||
           recipe.quick_validation;
}

/// One head of the group: where it stands and what became of it.
struct Member {
    const Recipe* recipe = nullptr;
    const FitOptions* options = nullptr;
    HeadFit* fit = nullptr;
    double loss_sum = 0;
    double learning_rate = 0;
    detail::Patience patience{};
    std::vector<double> validation_losses{};

    /// False where the head leaves the group.
    bool end(FitEnd how, std::string message) const {
        fit->result.end = how;
        fit->result.message = std::move(message);
        return false;
    }
};

class HeadGroup {
  public:
    HeadGroup(Network& network, const TrainingSet& set, std::span<const Recipe> recipes,
              std::span<const FitOptions> options)
        : network_(network),
          set_(set),
          first_(recipes.front()),
          stages_(network.stages().size()),
          fits_(recipes.size()),
          mode_(network),
          targets_(set, first_),
          inputs_(network, set, first_, stages_, 0),
          plan_(set.data, first_) {
        std::vector<torch::Tensor> weights;
        std::vector<torch::Tensor> biases;
        for (std::size_t i = 0; i < recipes.size(); ++i) {
            const auto& recipe = recipes[i];
            auto [weight, bias] = start_of(recipe);
            weights.push_back(weight);
            biases.push_back(bias);
            members_.push_back({&recipe, &options[i], &fits_[i]});
            auto& result = fits_[i].result;
            result.message = detail::all_epochs_run(recipe.epochs);
            result.frozen_stages = stages_;
            result.trained_parameters = weight.numel() + bias.numel();
            result.used_cached_features = true;
        }
        bank_.emplace(std::move(weights), std::move(biases), recipes);
        collect_validation();
    }

    std::vector<HeadFit> run() {
        const double began = detail::clock_seconds();
        for (std::int64_t epoch = 1; epoch <= first_.epochs && !members_.empty(); ++epoch) run_epoch(epoch);
        for (std::size_t i = 0; i < members_.size(); ++i) release(i);
        for (auto& fit : fits_) fit.result.duration_seconds = detail::clock_seconds() - began;
        return std::move(fits_);
    }

  private:
    /// The start that fit() would give the head.
    std::pair<torch::Tensor, torch::Tensor> start_of(const Recipe& recipe) {
        start_head(network_, targets_.outputs(), recipe.head_start, recipe.seed);
        const auto parameters = network_.named_parameters();
        return {parameters[network_.head_name() + ".weight"].detach().clone(),
                parameters[network_.head_name() + ".bias"].detach().clone()};
    }

    void collect_validation() {
        const auto& rows = set_.data.split().validation;
        if (rows.empty()) return;
        for (auto view : first_.test_views) {
            if (view.image_size == 0) view.image_size = first_.image_size;
            validation_.push_back(set_.features->features(stages_, view, rows));
        }
    }

    void run_epoch(std::int64_t epoch) {
        const double began = detail::clock_seconds();
        plan_.begin_epoch(epoch);
        for (auto& member : members_) member.loss_sum = 0;
        for (std::size_t i = 0; i < plan_.batches() && !members_.empty(); ++i) {
            leave([&](Member& member, std::size_t) {
                return !member.options->stop.stop_requested() ||
                       member.end(FitEnd::cancelled, fmt::format("cancelled in epoch {}", epoch));
            });
            if (!members_.empty()) update(plan_.batch(i), epoch);
        }
        if (!members_.empty()) conclude_epoch(epoch, began);
    }

    void update(std::span<const std::int64_t> rows, std::int64_t epoch) {
        std::vector<double> rates;
        std::vector<double> momenta;
        for (auto& member : members_) {
            const auto& recipe = *member.recipe;
            const ScheduleMoment moment{member.fit->result.steps, plan_.updates(), recipe.epochs,
                                        member.validation_losses};
            member.learning_rate = recipe.learning_rate * learning_rate_factor(recipe.schedule, moment);
            rates.push_back(member.learning_rate * recipe.head_learning_rate_multiplier);
            momenta.push_back(momentum_at(recipe.schedule, momentum_of(recipe), moment));
        }
        const auto losses = bank_->update(inputs_.batch(rows, epoch), targets_.of(rows), rates, momenta);
        leave([&](Member& member, std::size_t place) {
            const double loss = losses[place];
            ++member.fit->result.steps;
            member.loss_sum += loss * static_cast<double>(rows.size());
            return std::isfinite(loss) || not_finite(member, "training", loss, epoch);
        });
    }

    static bool not_finite(const Member& member, const char* what, double loss, std::int64_t epoch) {
        return member.end(FitEnd::not_finite,
                          fmt::format("the {} loss became {} in epoch {}, update {} (learning rate {})", what,
                                      loss, epoch, member.fit->result.steps, member.learning_rate));
    }

    void conclude_epoch(std::int64_t epoch, double began) {
        const bool judges =
            !validation_.empty() && (epoch == first_.epochs || epoch % first_.validate_every == 0);
        torch::Tensor logits;
        if (judges) {
            for (const auto& features : validation_)
                logits = logits.defined() ? logits + bank_->judged_logits(features)
                                          : bank_->judged_logits(features);
            logits = logits / static_cast<double>(validation_.size());
        }
        leave([&](Member& member, std::size_t place) {
            auto& result = member.fit->result;
            result.epochs_run = epoch;
            result.last_train_loss = member.loss_sum / static_cast<double>(plan_.samples());
            EpochReport report{
                epoch, {{"train_loss", result.last_train_loss}, {"learning_rate", member.learning_rate}}};
            bool goes_on = true;
            if (judges) goes_on = judge(member, place, logits[static_cast<std::int64_t>(place)], report);
            report.numbers["seconds"] = detail::clock_seconds() - began;
            result.history.push_back(report);
            const auto answer =
                member.options->on_epoch ? member.options->on_epoch(report) : EpochAnswer::proceed;
            if (!goes_on || epoch == first_.epochs || answer == EpochAnswer::proceed) return goes_on;
            return member.end(answer == EpochAnswer::stop ? FitEnd::stopped : FitEnd::paused,
                              fmt::format("{} by the callback after epoch {}",
                                          answer == EpochAnswer::stop ? "stopped" : "paused", epoch));
        });
    }

    bool judge(Member& member, std::size_t place, const torch::Tensor& logits, EpochReport& report) {
        const auto& recipe = *member.recipe;
        const auto numbers = targets_.judge(logits, set_.data.split().validation);
        report.numbers.insert(numbers.begin(), numbers.end());
        const double loss = numbers.at("validation_loss");
        member.validation_losses.push_back(loss);
        if (!std::isfinite(loss)) return not_finite(member, "validation", loss, report.epoch);
        const auto verdict = detail::judge(recipe, report.epoch, numbers.at("validation_accuracy"), loss,
                                           member.patience, member.fit->result);
        if (verdict.is_best && recipe.restore_best) take(member, place);
        return verdict.goes_on ||
               member.end(FitEnd::patience,
                          detail::out_of_patience(recipe.patience, member.patience.improved_in));
    }

    void take(Member& member, std::size_t place) {
        member.fit->weight = std::make_shared<const torch::Tensor>(bank_->judged_weight(place).clone());
        member.fit->bias = std::make_shared<const torch::Tensor>(bank_->judged_bias(place).clone());
    }

    /// The head's last weights, where it has none that are better.
    void release(std::size_t place) {
        auto& member = members_[place];
        if (member.fit->weight == nullptr || !member.recipe->restore_best) take(member, place);
    }

    /// Asks each member whether it stays.
    template <typename Stays>
    void leave(const Stays& stays) {
        std::vector<std::int64_t> places;
        std::vector<Member> kept;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            if (stays(members_[i], i)) {
                places.push_back(static_cast<std::int64_t>(i));
                kept.push_back(members_[i]);
            } else {
                release(i);
            }
        }
        if (kept.size() == members_.size()) return;
        members_ = std::move(kept);
        if (!members_.empty()) bank_->keep(places);
    }

    Network& network_;
    const TrainingSet& set_;
    const Recipe& first_;
    std::size_t stages_;
    std::vector<HeadFit> fits_;
    detail::EvaluationMode mode_;
    detail::Targets targets_;
    detail::TrainingInputs inputs_;
    detail::BatchPlan plan_;
    std::vector<Member> members_;
    std::optional<detail::HeadBank> bank_;
    std::vector<torch::Tensor> validation_;  ///< features, by test view
};

}  // namespace

std::string head_group_key(const Recipe& recipe, std::size_t stage_count) {
    if (trains_alone(recipe, stage_count)) return "";
    auto text = recipe.to_text();
    for (const auto* name : free_options) text.erase(name);
    // All say the same: the head alone.
    text.erase("frozen_stages");
    text.erase("frozen_share");
    std::string key;
    for (const auto& [name, value] : text) key += name + "=" + value + "\n";
    return key;
}

std::vector<HeadFit> fit_heads(Network& network, const TrainingSet& set, std::span<const Recipe> recipes,
                               std::span<const FitOptions> options) {
    if (recipes.empty()) return {};
    if (options.size() != recipes.size())
        throw InvalidOption(
            fmt::format("{} fit options for {} recipes; one each is needed", options.size(), recipes.size()));
    if (set.features == nullptr)
        throw InvalidOption("heads train together on shared features; there are none");
    const auto key = head_group_key(recipes.front(), network.stages().size());
    for (const auto& recipe : recipes) {
        recipe.validate();
        if (key.empty() || head_group_key(recipe, network.stages().size()) != key)
            throw InvalidOption("these recipes do not train together (see head_group_key)");
    }
    if (!has_plain_linear_head(network))
        throw InvalidOption("heads train together where a head is one linear layer; this network's is not");
    // The head that the network came with is put back, whatever happens.
    struct Kept {
        explicit Kept(Network& n) : network(n), classes(n.classes()) {
            for (const char* part : {".weight", ".bias"})
                values.push_back(n.named_parameters()[n.head_name() + part].detach().clone());
        }
        ~Kept() {
            const torch::NoGradGuard no_gradients;
            if (network.classes() != classes) network.replace_head(classes);
            auto parameters = network.named_parameters();
            parameters[network.head_name() + ".weight"].copy_(values[0]);
            parameters[network.head_name() + ".bias"].copy_(values[1]);
        }
        Network& network;
        std::int64_t classes;
        std::vector<torch::Tensor> values;
    } kept(network);
    return HeadGroup(network, set, recipes, options).run();
}

void put_head(Network& network, const HeadFit& head) {
    if (head.weight == nullptr || head.bias == nullptr) throw InvalidState("the head holds no weights");
    if (network.classes() != head.bias->numel()) network.replace_head(head.bias->numel());
    const torch::NoGradGuard no_gradients;
    auto parameters = network.named_parameters();
    parameters[network.head_name() + ".weight"].copy_(*head.weight);
    parameters[network.head_name() + ".bias"].copy_(*head.bias);
}

}  // namespace attune
