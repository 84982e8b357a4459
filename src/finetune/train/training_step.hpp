#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "attune/finetune/data/random.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/gradient_scale.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "auxiliary_heads.hpp"
#include "device_number.hpp"
#include "joint_batch.hpp"
#include "targets.hpp"
#include "trained_part.hpp"
#include "training_inputs.hpp"

namespace attune::detail {

/// One update of a training: from the rows of its batches to weights that have moved.
class TrainingStep {
  public:
    TrainingStep(Network& network, const TrainingSet& set, const Recipe& recipe, const FitOptions& options,
                 TrainedPart& part, const Targets& targets);

    /// Where batches come from and where the network is entered, which changes as stages thaw. To be called
    /// whenever modes of the network were set.
    void set_inputs(const TrainingInputs* inputs, std::size_t first_stage);

    /// An update from one or several batches (gradients of these are those of their union), with the groups'
    /// learning rates as they are set. Returns the mean loss; where that is not finite nothing has moved, and
    /// in float16 the gradients' scale is less the next time.
    /// `step` keys the random draws. With a process group: of joint batches, the mean over all processes.
    /// `meanwhile` is called once, when the last batch's pictures are read.
    double run(const std::vector<std::span<const std::int64_t>>& batches, std::int64_t epoch,
               std::int64_t step, const std::function<void()>& meanwhile);

    /// Of a joint batch: those whose pictures this process needs.
    [[nodiscard]] std::vector<std::int64_t> rows_to_read(std::span<const std::int64_t> joint) const;

    /// Whether a training may go on after an update of this mean loss. In float16 a number may be too large
    /// for the format once: only a scale that is exhausted is a verdict.
    [[nodiscard]] bool may_go_on(double loss) const;

    /// Whether a process of the group was told to stop, as the last update exchanged it.
    [[nodiscard]] bool heard_stop() const { return heard_stop_; }

    [[nodiscard]] Optimizer& optimizer() { return *optimizer_; }
    [[nodiscard]] GradientScale& scale() { return scale_; }
    [[nodiscard]] RandomStream& dropout() { return dropout_; }

  private:
    struct Batch {
        OwnRows own;  ///< of the joint batch: those that the rest is about
        torch::Tensor x;
        torch::Tensor targets;
        torch::Tensor teacher;   ///< softened probabilities; undefined without one
        double share = 1;        ///< of the update's samples
        double label_share = 1;  ///< of what the loss of its targets is divided by, weights counted
        std::uint64_t key = 0;   ///< of what the network draws itself
    };

    [[nodiscard]] Batch batch_of(std::span<const std::int64_t> rows, std::int64_t epoch, std::int64_t step,
                                 std::size_t index) const;
    [[nodiscard]] bool mixes() const { return recipe_.mixup_alpha > 0 || recipe_.cutmix_alpha > 0; }
    void mix(Batch& batch, std::int64_t step, std::size_t index) const;
    [[nodiscard]] std::vector<Batch> shares_of(
        const std::vector<std::span<const std::int64_t>>& batches) const;
    [[nodiscard]] torch::Tensor head_mask(const torch::Tensor& features, const OwnRows& own);
    [[nodiscard]] torch::Tensor loss_of(const Batch& batch);
    [[nodiscard]] torch::Tensor logits_of(const Batch& batch, AuxiliaryLogits& auxiliary);
    [[nodiscard]] torch::Tensor loss_of(const torch::Tensor& logits, const Batch& batch) const;
    DeviceNumber backward(const Batch& batch);
    [[nodiscard]] double joint_mean(const std::vector<DeviceNumber>& parts);
    void add_penalties();
    [[nodiscard]] double penalty() const;
    void update();

    Network& network_;
    const Recipe& recipe_;
    TrainedPart& part_;
    const Targets& targets_;
    const TrainingInputs* inputs_ = nullptr;
    std::size_t first_ = 0;
    bool draws_ = false;  ///< whether layers of the network draw random numbers
    bool draws_for_own_rows_ = false;
    std::shared_ptr<ProcessGroup> group_;  ///< may be null
    std::stop_token stop_;
    bool heard_stop_ = false;
    std::unique_ptr<Optimizer> optimizer_;
    GradientScale scale_;
    RandomStream dropout_;
    std::optional<Teacher> teacher_;
    std::vector<std::vector<torch::Tensor>> pretrained_;  ///< by group; empty without l2_pretrained
};

}  // namespace attune::detail
