#include "trained_part.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <cmath>

#include "attune/error.hpp"
#include "attune/finetune/freeze.hpp"

namespace attune::detail {

TrainedPart::TrainedPart(Network& network, const Recipe& recipe, std::size_t cut)
    : network_(network), recipe_(recipe), cut_(cut) {
    if (recipe.lora_rank > 0)
        low_rank_.emplace(network, cut, recipe.lora_rank, recipe.lora_alpha, recipe.seed);
    groups_ = optimizer_groups(network, cut, recipe);
    if (low_rank_) {
        std::erase_if(groups_,
                      [&](const OptimizerGroup& group) { return group.stage < network_.stages().size(); });
        const auto head = groups_.size();
        for (auto& layer : low_rank_->layers()) {
            const double depth = static_cast<double>(network.stages().size() - layer.stage);
            groups_.push_back({{layer.down, layer.up},
                               recipe.learning_rate * std::pow(recipe.layerwise_decay, depth),
                               recipe.weight_decay,
                               layer.stage});
        }
        std::ranges::rotate(groups_, groups_.begin() + static_cast<std::ptrdiff_t>(head));
    }
    add_parameters();
    add_buffers();
}

void TrainedPart::add_parameters() {
    const auto head = network_.stages().size();
    for (const auto& item : network_.named_parameters()) {
        const auto stage = stage_of(network_, item.key());
        if (stage >= (low_rank_ ? head : cut_)) live_.emplace_back(item.key(), item.value());
    }
    if (!low_rank_) return;
    for (const auto& layer : low_rank_->layers()) {
        live_.emplace_back(layer.name + ".down", layer.down);
        live_.emplace_back(layer.name + ".up", layer.up);
    }
}

// Of frozen stages only where these go on gathering statistics: others may be shared with other networks.
void TrainedPart::add_buffers() {
    for (const auto& item : network_.named_buffers())
        if (recipe_.batch_norm == BatchNormPolicy::all_training || stage_of(network_, item.key()) >= cut_)
            live_.emplace_back(item.key(), item.value());
}

std::vector<OptimizerGroup> TrainedPart::groups() const { return groups_; }

std::size_t TrainedPart::first_trained(std::int64_t epoch) const {
    const auto stages = network_.stages().size();
    if (recipe_.thaw_every_epochs == 0) return cut_;
    const auto thawed = static_cast<std::size_t>((epoch - 1) / recipe_.thaw_every_epochs);
    return stages - std::min(thawed, stages - cut_);
}

std::int64_t TrainedPart::thawed_in(std::size_t stage) const {
    const auto stages = network_.stages().size();
    if (recipe_.thaw_every_epochs == 0 || stage >= stages) return 1;
    return static_cast<std::int64_t>(stages - stage) * recipe_.thaw_every_epochs + 1;
}

void TrainedPart::begin_epoch(std::int64_t epoch) {
    const auto first = first_trained(epoch);
    freeze_stages(network_, first, recipe_.batch_norm);
    if (!low_rank_) return;
    const auto head = network_.stages().size();
    for (auto& item : network_.named_parameters())
        if (stage_of(network_, item.key()) < head) item.value().set_requires_grad(false);
    for (auto& layer : low_rank_->layers())
        for (auto* factor : {&layer.down, &layer.up}) {
            factor->set_requires_grad(layer.stage >= first);
            if (layer.stage < first) factor->mutable_grad().reset();
        }
}

void TrainedPart::prepare() {
    if (low_rank_) low_rank_->apply();
}

void TrainedPart::merge() {
    if (low_rank_) low_rank_->merge();
}

std::int64_t TrainedPart::trained_parameters() const {
    std::int64_t count = 0;
    for (const auto& group : groups_)
        for (const auto& parameter : group.parameters) count += parameter.numel();
    return count;
}

void Snapshot::take() {
    kept_.clear();
    for (const auto& [name, tensor] : live_) kept_.push_back(tensor.detach().clone());
}

void Snapshot::put_back() const {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < kept_.size(); ++i) {
        auto live = live_[i].second;
        live.copy_(kept_[i]);
    }
}

}  // namespace attune::detail
