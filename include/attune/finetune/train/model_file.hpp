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
#include "attune/finetune/zoo/model_zoo.hpp"

namespace attune {

class Network;

/// What has to be known beside the weights to use a model again.
struct ModelCard {
    std::string architecture;                     ///< the zoo's name
    std::vector<std::string> classes;             ///< in label order
    Framing framing{};                            ///< how pictures are framed
    std::vector<View> views{View{}};              ///< logits are averaged over these
    std::map<std::string, std::string> recipe{};  ///< Recipe::to_text()
    std::map<std::string, std::string> notes{};   ///< anything else, such as metrics or the study's name
};

/// What a model says of one picture.
struct ImagePrediction {
    std::int64_t label = 0;
    std::string class_name;
    std::vector<double> probabilities;
    std::vector<double> logits;
};

/// A model as loaded. `predict` is for one thread at a time.
struct LoadedModel {
    std::shared_ptr<Network> network;  ///< in evaluation mode
    ModelCard card;
    std::string attune_version;  ///< that wrote the file

    [[nodiscard]] ImagePrediction predict(const Image& image) const;
};

/// Writes weights, buffers and card into one safetensors file, complete or not at all. Throws FileError, and
/// InvalidOption for a card that does not fit the network.
void save_model(const std::filesystem::path& path, Network& network, const ModelCard& card);

/// Reads what save_model wrote, with the networks of a zoo. Throws FileError (not such a file, damaged,
/// weights that do not fit) or UnknownName (an architecture that the zoo lacks).
[[nodiscard]] LoadedModel load_model(const std::filesystem::path& path,
                                     const ModelZoo& zoo = ModelZoo::standard());

}  // namespace attune
