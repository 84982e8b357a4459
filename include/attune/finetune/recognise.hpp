#pragma once

#include <string>

#include "attune/files/tensor_data.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

namespace attune {

/// Weights of a network that is known.
struct RecognisedWeights {
    std::string model;  ///< its name in the zoo; empty where it is like none
    TensorFile file;    ///< with the zoo's names of its entries
};

/// Finds out whose weights these are, whichever library named them (see name_map), and gives them the zoo's
/// names. Where `model` names a network only the names are changed, if they are another library's for it.
/// Where no network is like them `file` comes back as it was. Thread-safe.
[[nodiscard]] RecognisedWeights recognise_weights(TensorFile file, std::string model = {},
                                                  const ModelZoo& zoo = ModelZoo::standard());

}  // namespace attune
