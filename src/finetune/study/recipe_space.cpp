#include "attune/finetune/study/recipe_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

namespace attune {
namespace {

constexpr std::string_view depth_name = "trained_stages";

}  // namespace

Recipe recipe_for(const Configuration& configuration, const Recipe& base, std::size_t stage_count) {
    std::map<std::string, std::string> text = base.to_text();
    for (const auto& [name, value] : configuration.values()) {
        if (name == depth_name) {
            const std::int64_t trained = std::stoll(to_string(value));
            const auto count = static_cast<std::int64_t>(stage_count);
            if (trained < 0 || trained > count)
                throw InvalidOption(fmt::format(
                    "trained_stages ({}) must be from 0 to the network's {} stages", trained, count));
            text["frozen_stages"] = std::to_string(count - trained);
        } else if (text.contains(name)) {
            text[name] = to_string(value);
        } else {
            throw UnknownName(
                fmt::format("parameter '{}' is no option of a recipe (see Recipe::to_text)", name));
        }
    }
    Recipe recipe = recipe_from_text(text);
    recipe.validate();
    return recipe;
}

TrainedDepths trained_depths(const std::string& text, const std::vector<std::string>& stage_names) {
    const std::size_t count = stage_names.size();
    if (text == "head") return {0};
    if (text == "all") return {count};
    if (text == "auto") return {0, std::max<std::size_t>(1, (count + 2) / 4)};
    if (text == "any") return {0, std::max<std::size_t>(1, (count + 2) / 4), count};
    for (std::size_t i = 0; i < count; ++i)
        if (stage_names[i] == text) return {count - i};
    std::size_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault == std::errc() && end == text.data() + text.size() && number <= count) return {number};
    std::string names;
    for (const std::string& name : stage_names) names += (names.empty() ? "" : ", ") + name;
    throw InvalidOption(fmt::format(
        "unfreeze '{}' must be head, all, auto, any, a number of stages up to {}, or one of the stages {}",
        text, count, names));
}

SearchSpace fine_tuning_space(const TrainedDepths& depths) {
    SearchSpace space;
    if (depths.size() > 1) {
        Parameter depth;
        depth.name = depth_name;
        depth.kind = ParameterKind::categorical;
        for (const std::size_t d : depths) depth.choices.emplace_back(static_cast<std::int64_t>(d));
        space.declare(std::move(depth));
    }
    // Pretrained layers want a tenth of a fresh head's rate: the two are searched apart, as a rate and a
    // multiple of it.
    space.continuous("learning_rate", 1e-4, 2e-3, Scale::log);
    space.continuous("head_learning_rate_multiplier", 1.0, 20.0, Scale::log);
    space.continuous("weight_decay", 1e-4, 2e-1, Scale::log);
    space.continuous("label_smoothing", 0.0, 0.15);
    space.continuous("head_dropout", 0.0, 0.5);
    return space;
}

std::vector<std::pair<std::string, Value>> default_configuration(const TrainedDepths& depths) {
    const Recipe recipe;
    std::vector<std::pair<std::string, Value>> values;
    if (depths.size() > 1) values.emplace_back(depth_name, static_cast<std::int64_t>(depths.front()));
    values.emplace_back("learning_rate", recipe.learning_rate);
    values.emplace_back("head_learning_rate_multiplier", recipe.head_learning_rate_multiplier);
    values.emplace_back("weight_decay", std::max(recipe.weight_decay, 1e-4));
    values.emplace_back("label_smoothing", recipe.label_smoothing);
    values.emplace_back("head_dropout", recipe.head_dropout);
    return values;
}

}  // namespace attune
