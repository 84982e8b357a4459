#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/evaluate/metrics.hpp"

namespace at {
class Tensor;
}

namespace attune {

class FeatureCache;
class Network;

struct EvaluateOptions {
    std::vector<View> views{View{}};  ///< logits are averaged over these
    std::int64_t image_size = 0;      ///< in pixels; 0: the data's
    std::int64_t batch_size = 64;
    std::int64_t worst = 16;  ///< mistakes to keep
    /// Features of the first `frozen_stages` stages are read from here where they are there; may be null.
    std::shared_ptr<FeatureCache> features{};
    std::size_t frozen_stages = 0;
    std::string device{};  ///< where the network computes meanwhile, such as "cuda:0"; empty: where it is

    /// Throws InvalidOption that names the option, its value and the rule.
    void validate() const;
};

/// A sample that was classified wrongly.
struct Mistake {
    std::int64_t row = 0;  ///< in the data
    std::int64_t label = 0;
    std::int64_t predicted = 0;
    double confidence = 0;  ///< probability of the prediction
    double label_probability = 0;
};

/// What a network makes of the images of one part.
struct Evaluation {
    std::int64_t classes = 0;
    std::vector<std::int64_t> rows;  ///< of the data, in the order of all that follows
    std::vector<std::int64_t> labels;
    std::vector<std::int64_t> predicted;
    std::vector<double> probabilities;  ///< rows x classes
    ClassificationMetrics metrics;
    std::vector<Mistake> worst;  ///< most confident first; ties by row
    double duration_seconds = 0;

    [[nodiscard]] std::int64_t wrong() const;
    [[nodiscard]] ScoreTable table() const { return {probabilities, classes}; }
};

/// Classifies one part of the data, in evaluation mode (the network's mode is put back). Throws InvalidOption
/// for an empty part or a network with another number of classes.
[[nodiscard]] Evaluation evaluate(Network& network, const ImageData& data, Split part,
                                  const EvaluateOptions& options = {});

/// The same for any rows.
[[nodiscard]] Evaluation evaluate(Network& network, const ImageData& data, std::span<const std::int64_t> rows,
                                  const EvaluateOptions& options = {});

/// Logits averaged over the views, rows x classes, float32.
[[nodiscard]] at::Tensor compute_logits(Network& network, const ImageData& data,
                                        std::span<const std::int64_t> rows,
                                        const EvaluateOptions& options = {});

}  // namespace attune
