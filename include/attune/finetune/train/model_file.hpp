#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attune/files/image.hpp"
#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/train/recipe.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

namespace attune {

class Network;

/// What has to be known beside the weights to use a model again.
struct ModelCard {
    std::string architecture;          ///< the zoo's name
    std::vector<std::string> classes;  ///< in label order; of labels and numbers: a name for each output
    Framing framing{};                 ///< how pictures are framed
    std::vector<View> views{View{}};   ///< logits are averaged over these
    std::map<std::string, std::string> recipe{};  ///< Recipe::to_text()
    std::map<std::string, std::string> notes{};   ///< anything else, such as metrics or the study's name
    /// Whether files are turned as their EXIF data says before they are framed, as those were that it learnt.
    bool apply_orientation = false;

    /// What the head says, by the recipe's `targets`; classes where the recipe is silent. Throws UnknownName
    /// for a kind that does not exist.
    [[nodiscard]] TargetKind targets() const;
};

/// What a model says of one picture, by what it was taught (ModelCard::targets): one of several classes, any
/// of several labels, or numbers.
struct ImagePrediction {
    TargetKind targets = TargetKind::classes;
    std::int64_t label = -1;           ///< the likeliest class or label; -1 of numbers
    std::string class_name{};          ///< its name
    std::vector<std::int64_t> labels;  ///< of labels: those of a probability of 0.5 and above, ascending
    /// Of classes: their sum is 1 (softmax). Of labels: each its own (sigmoid). Of numbers: empty.
    std::vector<double> probabilities;
    std::vector<double> numbers;  ///< of numbers: in the units of the targets that were learnt; else empty
    std::vector<double> logits;   ///< what the head said, averaged over the views
};

/// A model as loaded. `predict` is for one thread at a time.
struct LoadedModel {
    std::shared_ptr<Network> network;  ///< in evaluation mode
    ModelCard card;
    std::string attune_version;  ///< that wrote the file

    /// Of a picture that was read as the card says (ModelCard::apply_orientation).
    [[nodiscard]] ImagePrediction predict(const Image& image) const;

    /// Of a file, which is read so. Throws FileError as read_image does.
    [[nodiscard]] ImagePrediction predict(const std::filesystem::path& file) const;
};

/// Writes weights, buffers and card into one safetensors file, complete or not at all. Throws FileError, and
/// InvalidOption for a card that does not fit the network.
void save_model(const std::filesystem::path& path, Network& network, const ModelCard& card);

/// Reads what save_model wrote, with the networks of a zoo. Throws FileError (not such a file, damaged,
/// weights that do not fit) or UnknownName (an architecture that the zoo lacks).
[[nodiscard]] LoadedModel load_model(const std::filesystem::path& path,
                                     const ModelZoo& zoo = ModelZoo::standard());

}  // namespace attune
