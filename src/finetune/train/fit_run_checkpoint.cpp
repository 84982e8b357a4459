#include <torch/types.h>
#include <torch/utils.h>

#include <cstddef>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "clock_seconds.hpp"
#include "fit_messages.hpp"
#include "fit_run.hpp"

// How a fit is written down and gone on with.
namespace attune::detail {

void FitRun::save() {
    FitCheckpoint checkpoint;
    const auto add = [&](const std::string& prefix, const std::string& name, const torch::Tensor& tensor) {
        checkpoint.tensors.emplace_back(prefix + name, tensor);
    };
    for (const auto& [name, tensor] : part_->live()) add("live.", name, tensor.detach());
    for (std::size_t i = 0; i < best_->kept().size(); ++i)
        add("best.", best_->live()[i].first, best_->kept()[i]);
    if (average_) {
        for (std::size_t i = 0; i < average_->averages().size(); ++i)
            add("average.", std::to_string(i), average_->averages()[i]);
        at_.average_updates = average_->updates();
    }
    for (const auto& [name, tensor] : step_->optimizer().state()) add("optimizer.", name, tensor.detach());
    at_.gradient_scale = step_->scale().scale;
    at_.good_updates = step_->scale().good_updates;
    at_.dropout_position = step_->dropout().position();
    checkpoint.progress = at_;
    checkpoint.progress.result = result_;
    checkpoint.progress.result.duration_seconds += clock_seconds() - began_;
    if (!at_.ended) {  // how this call ends is no part of the training
        checkpoint.progress.result.end = FitEnd::completed;
        checkpoint.progress.result.message = detail::all_epochs_run(recipe_.epochs);
    }
    write_checkpoint(options_.checkpoint, *identity_, checkpoint);
    saved_ = clock_seconds();
}

void FitRun::resume() {
    const auto found = read_checkpoint(options_.checkpoint, *identity_);
    if (!found) return;
    const torch::NoGradGuard no_gradients;
    const auto load = [&](const NamedTensors& from, const NamedTensors& to) {
        if (from.size() != to.size())
            throw FileError(options_.checkpoint.string() + ": the checkpoint has " +
                            std::to_string(from.size()) + " tensors of weights, the training " +
                            std::to_string(to.size()));
        for (std::size_t i = 0; i < to.size(); ++i) {
            if (from[i].first != to[i].first || from[i].second.sizes() != to[i].second.sizes())
                throw FileError(options_.checkpoint.string() + ": the checkpoint's " + from[i].first +
                                " does not fit the training's " + to[i].first);
            auto tensor = to[i].second;
            tensor.copy_(from[i].second);
        }
    };
    // Best weights pass through the live ones, whose type, layout and device they take.
    if (const auto best = found->part("best."); !best.empty()) {
        load(best, part_->live());
        best_->take();
    }
    load(found->part("live."), part_->live());
    auto optimizer_state = found->part("optimizer.");
    for (auto& [name, tensor] : optimizer_state) tensor = tensor.to(device_);
    step_->optimizer().load(optimizer_state);
    at_ = found->progress;
    result_ = at_.result;
    result_.frozen_stages = cut_;
    result_.trained_parameters = part_->trained_parameters();
    step_->scale().scale = at_.gradient_scale;
    step_->scale().good_updates = at_.good_updates;
    step_->dropout() = RandomStream::at(at_.dropout_position);
    if (!average_) return;
    std::vector<torch::Tensor> averages;
    for (const auto& [name, tensor] : found->part("average.")) averages.push_back(tensor.to(device_));
    average_->load(averages, at_.average_updates);
}

}  // namespace attune::detail
