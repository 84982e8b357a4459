#include <torch/types.h>

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "attune/error.hpp"
#include "attune/files/fingerprint.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"
#include "auxiliary_heads.hpp"
#include "fit_run.hpp"
#include "joint_batch.hpp"

// What several processes that train one network settle between them.
namespace attune::detail {
namespace {

/// Whether `module` gathers statistics of batches, and of its own process's part alone.
bool is_of_one_process(const torch::nn::Module& module) {
    return module.as<torch::nn::BatchNorm1d>() != nullptr || module.as<torch::nn::BatchNorm2d>() != nullptr ||
           module.as<torch::nn::BatchNorm3d>() != nullptr;
}

/// A number that differs where what the processes were given differs.
std::uint64_t signature_of(const Network& network, const ImageData& data, const Recipe& recipe) {
    std::string text;
    for (const auto& [name, value] : recipe.to_text()) text += fmt::format("{}={};", name, value);
    const auto add = [&](const auto& items) {
        for (const auto& item : items) text += fmt::format("{}:{};", item.key(), item.value().numel());
    };
    add(network.named_parameters());
    add(network.named_buffers());
    for (const auto part : {Split::train, Split::validation})
        for (const auto row : data.split().of(part))
            text += fmt::format("{}:{},", row, data.labels()[static_cast<std::size_t>(row)]);
    return fnv1a64(text) >> 12U;  // exact in a double
}

}  // namespace

void FitRun::check_group() const {
    if (group_ == nullptr || group_->size() == 1) return;
    const auto cut = recipe_.frozen_in(network_.stages().size());
    const bool all_train = recipe_.batch_norm == BatchNormPolicy::all_training;
    for (const auto& item : network_.named_modules("", /*include_self=*/false)) {
        if (recipe_.batch_norm == BatchNormPolicy::all_frozen || !is_of_one_process(*item.value())) continue;
        if (all_train || stage_of(network_, item.key()) >= cut)
            throw InvalidOption(
                fmt::format("{} gathers statistics of each process's own rows; in a process group use "
                            "attune::BatchNorm2d, or freeze it",
                            item.key()));
    }
    const bool mixes = recipe_.mixup_alpha > 0 || recipe_.cutmix_alpha > 0;
    const bool enters_late = cut > 0 || recipe_.thaw_every_epochs > 0;
    if (mixes && all_train && enters_late)
        throw InvalidOption(
            "recipe.batch_norm all_training must be another in a process group where batches are mixed "
            "behind frozen stages");
}

/// All begin with the first process's weights. Throws InvalidOption where not all were given the same.
void FitRun::agree() {
    const auto own = static_cast<double>(signature_of(network_, data_, recipe_));
    auto first = torch::tensor({own}, torch::kFloat64).to(device_);
    group_->broadcast(first);
    const double differs = first.item<double>() == own ? 0 : 1;
    if (sum_of(*group_, {differs}, device_)[0] > 0)
        throw InvalidOption(fmt::format(
            "process {} of {}{}: all processes of a group must train the same network by the same recipe on "
            "the same split",
            group_->rank(), group_->size(), differs > 0 ? " differs from the first" : ""));
    take_first_weights();
}

/// Features that were kept belong to the frozen weights that this process had, so these cannot change.
void FitRun::take_first_weights() {
    std::vector<torch::Tensor> own;
    std::vector<torch::Tensor> first_ones;
    std::vector<bool> frozen;
    const auto add = [&](const auto& items) {
        for (const auto& item : items) {
            own.push_back(item.value());
            first_ones.push_back(item.value().detach().clone());
            frozen.push_back(stage_of(network_, item.key()) < cut_ && !is_auxiliary(network_, item.key()));
        }
    };
    add(network_.named_parameters());
    add(network_.named_buffers());
    broadcast_all(*group_, first_ones, device_);
    bool changes_frozen = false;
    for (std::size_t i = 0; i < own.size(); ++i)
        if (frozen[i] && set_.features != nullptr && !torch::equal(own[i], first_ones[i]))
            changes_frozen = true;
    if (sum_of(*group_, {changes_frozen ? 1.0 : 0.0}, device_)[0] > 0)
        throw InvalidState(
            "kept features in a process group need the same frozen weights in all processes; one has others "
            "than the first");
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < own.size(); ++i)
        if (!torch::equal(own[i], first_ones[i])) own[i].copy_(first_ones[i]);
}

/// Devices round in their own way each time: what all end with is what the first one has.
void FitRun::end_alike() {
    std::vector<torch::Tensor> tensors;
    for (const auto& [name, tensor] : part_->live()) tensors.push_back(tensor.detach());
    broadcast_all(*group_, tensors, device_);
}

/// Throws InvalidState where processes have read other checkpoints than the first.
void FitRun::require_same_place() const {
    const auto own = static_cast<double>(result_.steps);
    auto first = torch::tensor({own}, torch::kFloat64).to(device_);
    group_->broadcast(first);
    const double differs = first.item<double>() == own ? 0 : 1;
    if (sum_of(*group_, {differs}, device_)[0] > 0)
        throw InvalidState(
            fmt::format("{}: process {} of {} goes on from update {}, the first one from {}; all processes "
                        "of a group must "
                        "see the checkpoint that the first one writes",
                        options_.checkpoint.string(), group_->rank(), group_->size(), result_.steps,
                        static_cast<std::int64_t>(first.item<double>())));
}

bool FitRun::writes_checkpoints() const {
    return identity_.has_value() && (group_ == nullptr || group_->rank() == 0);
}

/// Whether this process was told to stop, or another one: asked for at the beginning of an epoch, later heard
/// with each update.
bool FitRun::is_stopped() {
    const bool own = options_.stop.stop_requested();
    if (group_ == nullptr) return own;
    return at_.update > 0 ? step_->heard_stop() : sum_of(*group_, {own ? 1.0 : 0.0}, device_)[0] > 0;
}

/// Of the processes' answers the one that is least like going on.
EpochAnswer FitRun::answer_to(const EpochReport& report) {
    const auto own = options_.on_epoch ? options_.on_epoch(report) : EpochAnswer::proceed;
    if (group_ == nullptr) return own;
    const auto votes = sum_of(
        *group_, {own == EpochAnswer::pause ? 1.0 : 0.0, own == EpochAnswer::stop ? 1.0 : 0.0}, device_);
    if (votes[0] > 0) return EpochAnswer::pause;
    return votes[1] > 0 ? EpochAnswer::stop : EpochAnswer::proceed;
}

}  // namespace attune::detail
