#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/train/recipe.hpp"

/// How single options of a recipe are written and read.
namespace attune::detail {

[[noreturn]] inline void refuse(const std::string& name, const std::string& text, const std::string& rule) {
    throw InvalidOption("option " + name + " \"" + text + "\" must be " + rule);
}

inline std::vector<std::string> words_of(const std::string& text, char separator) {
    std::vector<std::string> words;
    std::size_t begin = 0;
    while (begin < text.size()) {
        const auto end = std::min(text.find(separator, begin), text.size());
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

template <typename T>
requires std::integral<T> || std::floating_point<T> std::string write(T value) {
    return fmt::format("{}", value);
}

template <typename T>
requires(std::integral<T> || std::floating_point<T>) &&
    (!std::same_as<T, bool>)void read(const std::string& name, const std::string& text, T& value) {
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end)
        refuse(name, text, std::integral<T> ? "a whole number" : "a number");
}

inline void read(const std::string& name, const std::string& text, bool& value) {
    if (text != "true" && text != "false") refuse(name, text, "true or false");
    value = text == "true";
}

inline std::string write(OptimizerKind value) { return to_string(value); }
inline std::string write(ScheduleKind value) { return to_string(value); }
inline std::string write(HeadStart value) { return to_string(value); }
inline std::string write(BatchNormPolicy value) { return to_string(value); }
inline std::string write(TargetKind value) { return to_string(value); }
inline std::string write(RegressionLoss value) { return to_string(value); }
inline std::string write(Precision value) { return to_string(value); }
inline std::string write(schedule::CycleHeight value) {
    return value == schedule::CycleHeight::same     ? "same"
           : value == schedule::CycleHeight::halved ? "halved"
                                                    : "decaying";
}
inline std::string write(WatchedMetric value) {
    return value == WatchedMetric::validation_loss ? "validation_loss" : "validation_accuracy";
}

inline void read(const std::string&, const std::string& text, OptimizerKind& value) {
    value = optimizer_from_name(text);
}
inline void read(const std::string&, const std::string& text, ScheduleKind& value) {
    value = schedule_from_name(text);
}
inline void read(const std::string&, const std::string& text, HeadStart& value) {
    value = head_start_from_name(text);
}
inline void read(const std::string&, const std::string& text, BatchNormPolicy& value) {
    value = batch_norm_policy_from_name(text);
}
inline void read(const std::string&, const std::string& text, TargetKind& value) {
    value = target_kind_from_name(text);
}
inline void read(const std::string&, const std::string& text, RegressionLoss& value) {
    value = regression_loss_from_name(text);
}
inline void read(const std::string&, const std::string& text, Precision& value) {
    value = precision_from_name(text);
}
inline void read(const std::string& name, const std::string& text, schedule::CycleHeight& value) {
    if (text != "same" && text != "halved" && text != "decaying")
        refuse(name, text, "same, halved or decaying");
    value = text == "same"     ? schedule::CycleHeight::same
            : text == "halved" ? schedule::CycleHeight::halved
                               : schedule::CycleHeight::decaying;
}
inline void read(const std::string& name, const std::string& text, WatchedMetric& value) {
    if (text != "validation_loss" && text != "validation_accuracy")
        refuse(name, text, "validation_accuracy or validation_loss");
    value = text == "validation_loss" ? WatchedMetric::validation_loss : WatchedMetric::validation_accuracy;
}

inline std::string write(const std::optional<double>& value) { return value ? write(*value) : "none"; }
inline void read(const std::string& name, const std::string& text, std::optional<double>& value) {
    if (text == "none") return value.reset();
    double number = 0;
    read(name, text, number);
    value = number;
}

inline std::string write(const std::vector<double>& values) {
    return fmt::format("{}", fmt::join(values, ","));
}
inline void read(const std::string& name, const std::string& text, std::vector<double>& values) {
    values.clear();
    for (const auto& word : words_of(text, ',')) read(name, word, values.emplace_back());
}

inline std::string write(const std::array<double, 2>& values) {
    return fmt::format("{},{}", values[0], values[1]);
}
inline void read(const std::string& name, const std::string& text, std::array<double, 2>& values) {
    std::vector<double> numbers;
    read(name, text, numbers);
    if (numbers.size() != 2) refuse(name, text, "two numbers with a comma between");
    std::copy(numbers.begin(), numbers.end(), values.begin());
}

/// A view is written as its seven fields with colons between.
inline std::string write(const std::vector<View>& views) {
    std::string text;
    for (const auto& view : views)
        text += fmt::format("{}{:d}:{:d}:{}:{}:{}:{}:{}", text.empty() ? "" : ",", view.horizontal_flip,
                            view.vertical_flip, view.quarter_turns, view.zoom, view.shift_x, view.shift_y,
                            view.image_size);
    return text;
}
inline void read(const std::string& name, const std::string& text, std::vector<View>& views) {
    views.clear();
    for (const auto& word : words_of(text, ',')) {
        const auto fields = words_of(word, ':');
        if (fields.size() != 7) refuse(name, text, "views of seven numbers with colons between");
        std::array<int, 2> flips{};
        View view;
        read(name, fields[0], flips[0]);
        read(name, fields[1], flips[1]);
        read(name, fields[2], view.quarter_turns);
        read(name, fields[3], view.zoom);
        read(name, fields[4], view.shift_x);
        read(name, fields[5], view.shift_y);
        read(name, fields[6], view.image_size);
        view.horizontal_flip = flips[0] != 0;
        view.vertical_flip = flips[1] != 0;
        views.push_back(view);
    }
}

template <typename AnyDetails, typename Visit>
void for_each_optimizer_detail(AnyDetails& details, Visit&& visit) {
    visit("asgd_decay", details.asgd_decay);
    visit("asgd_power", details.asgd_power);
    visit("asgd_average_from", details.asgd_average_from);
    visit("nadam_momentum_decay", details.nadam_momentum_decay);
    visit("adagrad_learning_rate_decay", details.adagrad_learning_rate_decay);
    visit("adagrad_initial_accumulator", details.adagrad_initial_accumulator);
    visit("adagrad_epsilon", details.adagrad_epsilon);
    visit("adadelta_rho", details.adadelta_rho);
    visit("adadelta_epsilon", details.adadelta_epsilon);
    visit("rprop_shrink", details.rprop_shrink);
    visit("rprop_grow", details.rprop_grow);
    visit("rprop_smallest", details.rprop_smallest);
    visit("rprop_largest", details.rprop_largest);
    visit("lion_betas", details.lion_betas);
    visit("lamb_epsilon", details.lamb_epsilon);
    visit("lamb_largest_gradient_norm", details.lamb_largest_gradient_norm);
    visit("lars_trust", details.lars_trust);
    visit("clip_trust", details.clip_trust);
    visit("lbfgs_iterations", details.lbfgs_iterations);
    visit("lbfgs_history", details.lbfgs_history);
}

/// Calls `visit(name, field)` for every option of a recipe.
template <typename AnyRecipe, typename Visit>
void for_each_option(AnyRecipe& recipe, Visit&& visit) {
    visit("frozen_stages", recipe.frozen_stages);
    visit("frozen_share", recipe.frozen_share);
    visit("batch_norm", recipe.batch_norm);
    visit("head_start", recipe.head_start);
    visit("thaw_every_epochs", recipe.thaw_every_epochs);
    visit("thaw_rise_epochs", recipe.thaw_rise_epochs);
    visit("lora_rank", recipe.lora_rank);
    visit("lora_alpha", recipe.lora_alpha);
    visit("targets", recipe.targets);
    visit("regression_loss", recipe.regression_loss);
    visit("optimizer", recipe.optimizer);
    visit("learning_rate", recipe.learning_rate);
    visit("head_learning_rate_multiplier", recipe.head_learning_rate_multiplier);
    visit("layerwise_decay", recipe.layerwise_decay);
    visit("momentum", recipe.momentum);
    visit("nesterov", recipe.nesterov);
    visit("dampening", recipe.dampening);
    visit("betas", recipe.betas);
    visit("rmsprop_alpha", recipe.rmsprop_alpha);
    visit("amsgrad", recipe.amsgrad);
    visit("rmsprop_centered", recipe.rmsprop_centered);
    visit("epsilon", recipe.epsilon);
    visit("weight_decay", recipe.weight_decay);
    visit("decay_biases_and_norms", recipe.decay_biases_and_norms);
    visit("l1", recipe.l1);
    visit("l2_pretrained", recipe.l2_pretrained);
    visit("gradient_clip_norm", recipe.gradient_clip_norm);
    visit("gradient_clip_exponent", recipe.gradient_clip_exponent);
    visit("accumulation_steps", recipe.accumulation_steps);
    visit("ema_decay", recipe.ema_decay);
    visit("swa_from", recipe.swa_from);
    visit("precision", recipe.precision);
    visit("channels_last", recipe.channels_last);
    for_each_optimizer_detail(recipe.optimizer_details, visit);
    visit("schedule", recipe.schedule.kind);
    visit("warm_up_epochs", recipe.schedule.warm_up_epochs);
    visit("warm_up_share", recipe.schedule.warm_up_share);
    visit("warm_up_start", recipe.schedule.warm_up_start);
    visit("final_factor", recipe.schedule.final_factor);
    visit("step_epochs", recipe.schedule.step_epochs);
    visit("milestones", recipe.schedule.milestones);
    visit("gamma", recipe.schedule.gamma);
    visit("power", recipe.schedule.power);
    visit("cycle_epochs", recipe.schedule.cycle_epochs);
    visit("cycle_multiplier", recipe.schedule.cycle_multiplier);
    visit("cycle_height", recipe.schedule.cycle_height);
    visit("lowest_momentum", recipe.schedule.lowest_momentum);
    visit("plateau_factor", recipe.schedule.plateau.factor);
    visit("plateau_patience", recipe.schedule.plateau.patience);
    visit("plateau_threshold", recipe.schedule.plateau.threshold);
    visit("plateau_relative", recipe.schedule.plateau.relative);
    visit("plateau_cooldown", recipe.schedule.plateau.cooldown);
    visit("plateau_smallest", recipe.schedule.plateau.smallest);
    visit("plateau_least_change", recipe.schedule.plateau.least_change);
    visit("one_cycle_warm_up_share", recipe.schedule.one_cycle.warm_up_share);
    visit("one_cycle_start_divisor", recipe.schedule.one_cycle.start_divisor);
    visit("one_cycle_end_divisor", recipe.schedule.one_cycle.end_divisor);
    visit("one_cycle_linear", recipe.schedule.one_cycle.linear);
    visit("one_cycle_three_phases", recipe.schedule.one_cycle.three_phases);
    visit("epochs", recipe.epochs);
    visit("patience", recipe.patience);
    visit("min_delta", recipe.min_delta);
    visit("watched", recipe.watched);
    visit("restore_best", recipe.restore_best);
    visit("validate_every", recipe.validate_every);
    visit("quick_validation", recipe.quick_validation);
    visit("batch_size", recipe.batch_size);
    visit("horizontal_flip", recipe.augmentation.horizontal_flip);
    visit("vertical_flip", recipe.augmentation.vertical_flip);
    visit("quarter_turns", recipe.augmentation.quarter_turns);
    visit("fixed_crops", recipe.augmentation.fixed_crops);
    visit("crop_padding", recipe.augmentation.crop_padding);
    visit("min_crop_area", recipe.augmentation.min_crop_area);
    visit("max_aspect_ratio", recipe.augmentation.max_aspect_ratio);
    visit("brightness", recipe.augmentation.brightness);
    visit("contrast", recipe.augmentation.contrast);
    visit("saturation", recipe.augmentation.saturation);
    visit("hue", recipe.augmentation.hue);
    visit("random_augment", recipe.augmentation.random_augment);
    visit("random_augment_magnitude", recipe.augmentation.random_augment_magnitude);
    visit("trivial_augment", recipe.augmentation.trivial_augment);
    visit("erase_probability", recipe.augmentation.erase_probability);
    visit("test_views", recipe.test_views);
    visit("image_size", recipe.image_size);
    visit("label_smoothing", recipe.label_smoothing);
    visit("head_dropout", recipe.head_dropout);
    visit("stochastic_depth", recipe.stochastic_depth);
    visit("mixup_alpha", recipe.mixup_alpha);
    visit("cutmix_alpha", recipe.cutmix_alpha);
    visit("class_weights", recipe.class_weights);
    visit("balance_classes", recipe.balance_classes);
    visit("balance_sampling", recipe.balance_sampling);
    visit("focal_gamma", recipe.focal_gamma);
    visit("distillation_weight", recipe.distillation_weight);
    visit("distillation_temperature", recipe.distillation_temperature);
    visit("seed", recipe.seed);
}

}  // namespace attune::detail
