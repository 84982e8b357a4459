#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "attune/finetune/network.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/loss.hpp"

namespace attune::detail {

/// What a network is taught about each sample, how its answers are judged, and in which units it answers.
class Targets {
  public:
    /// Throws InvalidOption where the set has not what the recipe's kind of targets needs.
    Targets(const TrainingSet& set, const Recipe& recipe);

    /// Outputs that a head needs.
    [[nodiscard]] std::int64_t outputs() const;

    /// Targets of rows in the head's units: labels (int64) of classes, else rows x outputs.
    [[nodiscard]] torch::Tensor of(std::span<const std::int64_t> rows) const;

    /// `targets` as a table that can be mixed: one-hot classes; others as they are.
    [[nodiscard]] torch::Tensor mixable(const torch::Tensor& targets) const;

    /// What the mean loss of these rows' targets is divided by: their number, or the sum of their labels'
    /// class weights.
    [[nodiscard]] double weight_of(std::span<const std::int64_t> rows) const;

    /// Throws InvalidOption where the head cannot give such answers: labels and numbers need one that can
    /// say anything, below 0 too, and numbers one with a bias.
    void require_head(Network& network) const;

    /// Mean loss of logits for targets, which may be mixed ones.
    [[nodiscard]] torch::Tensor loss(const torch::Tensor& logits, const torch::Tensor& targets) const;

    /// Named numbers of a validation (see EpochReport) from the outputs for rows.
    [[nodiscard]] std::map<std::string, double> judge(const torch::Tensor& outputs,
                                                      std::span<const std::int64_t> rows) const;

    /// Lets a head that answers in the targets' units answer in units of their spread, and back; so do the
    /// auxiliary heads that hang on stages from `first` on.
    void enter(Network& network, std::size_t first) const;
    void leave(Network& network, std::size_t first) const;

  private:
    [[nodiscard]] bool are_classes() const { return recipe_.targets == TargetKind::classes; }
    [[nodiscard]] torch::Tensor class_weights() const;
    void measure_numbers();
    static void rescale(Network& network, std::size_t first, const torch::Tensor& factor,
                        const torch::Tensor& shift);
    [[nodiscard]] std::map<std::string, double> judge_classes(const torch::Tensor& logits,
                                                              std::span<const std::int64_t> rows) const;
    [[nodiscard]] std::map<std::string, double> judge_labels(const torch::Tensor& logits,
                                                             const torch::Tensor& truth) const;
    [[nodiscard]] std::map<std::string, double> judge_numbers(const torch::Tensor& outputs,
                                                              const torch::Tensor& truth) const;

    const ImageData& data_;
    const Recipe& recipe_;
    torch::Tensor table_;   ///< rows of the data x outputs
    torch::Tensor mean_;    ///< of numbers over the training rows
    torch::Tensor spread_;  ///< their standard deviation, 1 where they are all alike
    LossOptions loss_options_;
};

}  // namespace attune::detail
