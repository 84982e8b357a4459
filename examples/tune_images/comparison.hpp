#pragma once

#include <stop_token>
#include <string>

#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "messages.hpp"

/// Difference of two accuracies on the same images with a 95 % interval.
struct PairedDifference {
    double mean = 0, low = 0, high = 0;
};

/// Resamples the images 10,000 times with replacement (Efron 1979); the pairing takes out how hard each image
/// is. Both evaluations must be of the same rows.
[[nodiscard]] PairedDifference paired_bootstrap(const attune::Evaluation& a, const attune::Evaluation& b);

/// Trains the task's network from random weights, everything trainable, at the best of several learning rates
/// by validation accuracy, and says how it does on the test part beside the tuned one. Throws Interrupted.
[[nodiscard]] std::string compare_with_scratch(const attune::FineTuningTask& task,
                                               const attune::Evaluation& tuned, Messages& messages,
                                               const std::stop_token& cancel);
