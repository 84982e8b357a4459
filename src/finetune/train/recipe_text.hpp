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

/// Calls `visit(name, field)` for every option of a recipe.
template <typename AnyRecipe, typename Visit>
void for_each_option(AnyRecipe& recipe, Visit&& visit) {
    visit("frozen_stages", recipe.frozen_stages);
    visit("frozen_share", recipe.frozen_share);
    visit("batch_norm", recipe.batch_norm);
    visit("head_start", recipe.head_start);
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
    visit("gradient_clip_norm", recipe.gradient_clip_norm);
    visit("ema_decay", recipe.ema_decay);
    visit("schedule", recipe.schedule.kind);
    visit("warm_up_epochs", recipe.schedule.warm_up_epochs);
    visit("warm_up_start", recipe.schedule.warm_up_start);
    visit("final_factor", recipe.schedule.final_factor);
    visit("step_epochs", recipe.schedule.step_epochs);
    visit("gamma", recipe.schedule.gamma);
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
    visit("erase_probability", recipe.augmentation.erase_probability);
    visit("test_views", recipe.test_views);
    visit("image_size", recipe.image_size);
    visit("label_smoothing", recipe.label_smoothing);
    visit("head_dropout", recipe.head_dropout);
    visit("mixup_alpha", recipe.mixup_alpha);
    visit("class_weights", recipe.class_weights);
    visit("balance_classes", recipe.balance_classes);
    visit("seed", recipe.seed);
}

}  // namespace attune::detail
