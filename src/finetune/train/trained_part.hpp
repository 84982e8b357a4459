#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/network.hpp"
#include "attune/finetune/train/optimizer.hpp"
#include "attune/finetune/train/recipe.hpp"
#include "low_rank.hpp"

namespace attune::detail {

/// The part of a network that a recipe trains: what is frozen when, which tensors move, and what a copy of
/// the part consists of.
class TrainedPart {
  public:
    /// `cut`: the first stage that ever trains.
    TrainedPart(Network& network, const Recipe& recipe, std::size_t cut);

    /// All groups that train at some time, from the input to the head.
    [[nodiscard]] std::vector<OptimizerGroup> groups() const;

    /// The first stage that trains in an epoch (counted from 1): with step-by-step thawing it falls.
    [[nodiscard]] std::size_t first_trained(std::int64_t epoch) const;

    /// The epoch in which a stage begins to train.
    [[nodiscard]] std::int64_t thawed_in(std::size_t stage) const;

    /// Freezes, thaws and sets modes for an epoch.
    void begin_epoch(std::int64_t epoch);

    /// To be called before the network computes: hands layers their corrected weights.
    void prepare();

    /// Merges corrections into the weights.
    void merge();

    /// Every tensor that the training changes, by name: parameters or factors, then statistics.
    [[nodiscard]] const NamedTensors& live() const { return live_; }

    [[nodiscard]] std::int64_t trained_parameters() const;

  private:
    void add_parameters();
    void add_buffers();

    Network& network_;
    const Recipe& recipe_;
    std::size_t cut_;
    std::optional<LowRank> low_rank_;
    std::vector<OptimizerGroup> groups_;
    NamedTensors live_;
};

/// A copy of tensors that can be put back.
class Snapshot {
  public:
    explicit Snapshot(NamedTensors live) : live_(std::move(live)) {}

    void take();
    void put_back() const;
    [[nodiscard]] const std::vector<torch::Tensor>& kept() const { return kept_; }
    [[nodiscard]] const NamedTensors& live() const { return live_; }

  private:
    NamedTensors live_;
    std::vector<torch::Tensor> kept_;
};

}  // namespace attune::detail
