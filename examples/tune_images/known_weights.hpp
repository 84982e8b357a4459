#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "attune/files/tensor_data.hpp"
#include "attune/files/weights_manifest.hpp"
#include "options.hpp"

/// What --weights names, with the zoo's names for its entries.
struct KnownWeights {
    std::string model;  ///< empty where no network of the zoo is like it
    std::shared_ptr<const attune::TensorFile> file;
    std::string fingerprint;
    std::optional<attune::WeightsPreprocessing> preprocessing;  ///< a manifest's
};

/// Reads a weights file; of a manifest of such files (attune::WeightsManifest) the file for --model, or its
/// only one, once size and hash are verified. Throws attune::Error.
[[nodiscard]] KnownWeights read_known_weights(const Options& options);
