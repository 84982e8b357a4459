#pragma once

#include <map>
#include <memory>
#include <string>

#include "attune/files/tensor_data.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "messages.hpp"
#include "options.hpp"

/// What the study works on: checked before anything is trained.
struct Inputs {
    attune::ImageData data;
    std::string model;
    std::shared_ptr<const attune::TensorFile> weights;  ///< null: none
    /// What makes two runs the same study: fingerprints of data and weights, sizes, seed.
    std::map<std::string, std::string> identity;
};

/// Lists, checks and decodes the images, makes what the split lacks, reads the weights. Throws attune::Error
/// with one message.
[[nodiscard]] Inputs read_inputs(const Options& options, Messages& messages);

/// Draws images by formula and trains a small backbone on another task; the backbone is kept in the output
/// folder.
[[nodiscard]] Inputs make_inputs(const Options& options, Messages& messages);
