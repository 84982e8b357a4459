#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "attune/files/image_dataset.hpp"
#include "attune/files/raw_images.hpp"
#include "attune/files/tensor_data.hpp"
#include "attune/files/weights_manifest.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "messages.hpp"
#include "options.hpp"
#include "study_folder.hpp"

/// What can be known of data and weights before a picture is decoded.
struct Plan {
    std::string model;
    std::shared_ptr<const attune::TensorFile> weights;          ///< null: none
    std::optional<attune::WeightsPreprocessing> preprocessing;  ///< none: the network's own
    std::vector<std::string> stages;                            ///< of the network, by name
    std::int64_t network_size = 0;                              ///< side of the pictures it was trained on
    bool any_size = true;          ///< whether it takes others above its smallest
    attune::ImageListing listing;  ///< class folders or a manifest; empty where raw is set
    std::optional<attune::RawImages> raw_train, raw_test;
    Settings identity;  ///< what makes two runs the same study: fingerprints of data and weights
};

/// What the study works on.
struct Inputs {
    attune::ImageData data;
    std::string model;
    std::shared_ptr<const attune::TensorFile> weights;  ///< null: none
    std::optional<attune::WeightsPreprocessing> preprocessing;
    Settings identity;
    std::vector<std::string> remarks;  ///< on the images, files left out among them, a sentence each
};

/// Reads the weights, lists the images and checks all that can be checked without decoding them. Throws
/// attune::Error with one message.
[[nodiscard]] Plan plan_inputs(const Options& options, Messages& messages);

/// The same for the images that are drawn and the backbone that is trained here.
[[nodiscard]] Plan plan_drawn_inputs(const Options& options);

/// Looks at the files (remarks), decodes the images and makes what the split lacks. Throws attune::Error,
/// Interrupted.
[[nodiscard]] Inputs load_inputs(Plan plan, const Options& options, Messages& messages,
                                 const std::stop_token& cancel);

/// Draws images by formula and trains a small backbone on another task, which is kept in the folder. Throws
/// attune::Error, Interrupted.
[[nodiscard]] Inputs draw_inputs(const Options& options, const StudyFolder& folder, Messages& messages,
                                 const std::stop_token& cancel);
