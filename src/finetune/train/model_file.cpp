#include "attune/finetune/train/model_file.hpp"

#include <torch/types.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "../state_names.hpp"
#include "attune/error.hpp"
#include "attune/files/safetensors.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/space/detail/counted.hpp"
#include "attune/version.hpp"

namespace attune {
namespace {

using nlohmann::json;

constexpr const char* card_key = "attune_model";
constexpr int format_version = 1;

json to_json(const View& view) {
    return {{"horizontal_flip", view.horizontal_flip},
            {"vertical_flip", view.vertical_flip},
            {"quarter_turns", view.quarter_turns},
            {"zoom", view.zoom},
            {"shift_x", view.shift_x},
            {"shift_y", view.shift_y},
            {"image_size", view.image_size}};
}

View view_of(const json& text) {
    View view{text.at("horizontal_flip"), text.at("vertical_flip"), text.at("quarter_turns"), text.at("zoom"),
              text.at("shift_x"),         text.at("shift_y"),       text.at("image_size")};
    view.validate();
    return view;
}

json to_json(const ModelCard& card, const InputSpec& input) {
    json views = json::array();
    for (const auto& view : card.views) views.push_back(to_json(view));
    return {{"format", format_version},
            {"architecture", card.architecture},
            {"classes", card.classes},
            {"framing",
             {{"image_size", card.framing.image_size},
              {"mode", to_string(card.framing.mode)},
              {"resize_ratio", card.framing.resize_ratio},
              {"margin", card.framing.margin}}},
            {"input",
             {{"image_size", input.image_size},
              {"minimum_size", input.minimum_size},
              {"channels", input.channels},
              {"mean", input.mean},
              {"std", input.std}}},
            {"apply_orientation", card.apply_orientation},
            {"views", views},
            {"recipe", card.recipe},
            {"notes", card.notes},
            {"attune_version", version()}};
}

void require_known_targets(const ModelCard& card) try {
    (void)card.targets();
} catch (const UnknownName& error) {
    throw InvalidOption(std::string("model card: ") + error.what());
}

ModelCard card_of(const json& text) {
    ModelCard card;
    card.architecture = text.at("architecture");
    card.classes = text.at("classes").get<std::vector<std::string>>();
    const auto& framing = text.at("framing");
    card.framing = {framing.at("image_size"), resize_mode_from_name(framing.at("mode")),
                    framing.at("resize_ratio"), framing.at("margin")};
    card.framing.validate();
    card.apply_orientation =
        text.value("apply_orientation", false);  // which older files lack, and did not do
    card.views.clear();
    for (const auto& view : text.at("views")) card.views.push_back(view_of(view));
    if (card.views.empty()) throw InvalidOption("views must name at least one view");
    card.recipe = text.at("recipe").get<std::map<std::string, std::string>>();
    card.notes = text.at("notes").get<std::map<std::string, std::string>>();
    require_known_targets(card);
    return card;
}

/// What the card says, where `input` is the architecture's own.
InputSpec input_of(const json& text, InputSpec input) {
    input.image_size = text.at("image_size");
    input.minimum_size = text.at("minimum_size");
    input.mean = text.at("mean").get<std::array<double, 3>>();
    input.std = text.at("std").get<std::array<double, 3>>();
    input.channels = text.value("channels", input.channels);
    return input;
}

void require_fit(const Network& network, const ModelCard& card) {
    card.framing.validate();
    if (card.architecture.empty()) throw InvalidOption("model card: architecture must be named");
    if (card.views.empty()) throw InvalidOption("model card: views must name at least one view");
    for (const auto& view : card.views) view.validate();
    require_known_targets(card);
    if (network.classes() != std::ssize(card.classes))
        throw InvalidOption("model card: " + detail::counted(card.classes.size(), "class", "classes") +
                            " for a network of " + std::to_string(network.classes()));
}

/// The card's text as JSON; whatever is wrong with it is the file's fault.
json parse_card(const std::filesystem::path& path, const TensorFile& file) {
    const auto found = file.metadata.find(card_key);
    if (found == file.metadata.end())
        throw FileError(path.string() + ": not a model saved by Attune (its metadata lacks " + card_key +
                        ")");
    auto text = json::parse(found->second, nullptr, false);
    if (!text.is_object()) throw FileError(path.string() + ": the model card is no JSON object");
    if (text.value("format", 0) != format_version)
        throw FileError(path.string() + ": the model card has a format that this version does not know");
    return text;
}

std::vector<double> values_of(const torch::Tensor& values) {
    const auto flat = values.contiguous();
    return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

}  // namespace

TargetKind ModelCard::targets() const {
    const auto found = recipe.find("targets");
    return found == recipe.end() ? TargetKind::classes : target_kind_from_name(found->second);
}

ImagePrediction LoadedModel::predict(const Image& image) const {
    const ImageData data(frame_image(image, card.framing).unsqueeze(0), {0}, card.classes, {}, {},
                         card.framing);
    const std::array<std::int64_t, 1> row{0};
    EvaluateOptions options;
    options.views = card.views;
    const auto logits = compute_logits(*network, data, row, options)[0].to(torch::kFloat64);
    ImagePrediction result;
    result.targets = card.targets();
    result.logits = values_of(logits);
    if (result.targets == TargetKind::numbers) {
        result.numbers = result.logits;
        return result;
    }
    const bool one_of_several = result.targets == TargetKind::classes;
    result.probabilities = values_of(one_of_several ? logits.softmax(0) : logits.sigmoid());
    result.label = argmax_rows({result.probabilities, logits.numel()})[0];
    result.class_name = card.classes[static_cast<std::size_t>(result.label)];
    for (std::size_t k = 0; !one_of_several && k < result.probabilities.size(); ++k)
        if (result.probabilities[k] >= 0.5) result.labels.push_back(static_cast<std::int64_t>(k));
    return result;
}

ImagePrediction LoadedModel::predict(const std::filesystem::path& file) const {
    return predict(read_image(file, ReadImageOptions{.apply_orientation = card.apply_orientation}));
}

void save_model(const std::filesystem::path& path, Network& network, const ModelCard& card) {
    require_fit(network, card);
    TensorFile file = state_dict(network);
    file.metadata["format"] = "pt";  // what other readers of safetensors expect of torch's names and layouts
    file.metadata[card_key] = to_json(card, network.input).dump();
    write_safetensors(path, file);
}

LoadedModel load_model(const std::filesystem::path& path, const ModelZoo& zoo) {
    const TensorFile file = read_safetensors(path);
    const json text = parse_card(path, file);
    LoadedModel model;
    InputSpec input;
    try {
        model.card = card_of(text);
        model.attune_version = text.at("attune_version");
        const auto& entry = zoo.entry(model.card.architecture);
        input = input_of(text.at("input"), entry.input);
    } catch (const json::exception& error) {
        throw FileError(path.string() + ": the model card cannot be read: " + error.what());
    } catch (const InvalidOption& error) {
        throw FileError(path.string() + ": the model card cannot be used: " + error.what());
    }
    if (model.card.classes.empty()) throw FileError(path.string() + ": the model card names no classes");
    model.network = zoo.make_unset(model.card.architecture, std::ssize(model.card.classes));
    if (input.fixed_size && input.image_size != model.network->input.image_size)
        model.network->set_image_size(input.image_size);
    if (input.channels != model.network->input.channels) model.network->set_input_channels(input.channels);
    if (!detail::has_auxiliary_heads(file, *model.network)) model.network->drop_auxiliary_heads();
    LoadOptions options;
    options.source = path.string();
    load_state_dict(*model.network, file, options);
    model.network->input = input;
    for (auto& parameter : model.network->parameters()) parameter.requires_grad_(false);
    model.network->eval();
    return model;
}

}  // namespace attune
