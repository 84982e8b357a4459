#include "attune/finetune/train/weight_average.hpp"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <torch/utils.h>

#include <string>
#include <utility>

#include "attune/error.hpp"

namespace attune {

WeightAverage::WeightAverage(std::vector<torch::Tensor> parameters, double decay)
    : parameters_(std::move(parameters)), decay_(decay) {
    if (decay != equal && !(decay >= 0 && decay < 1))
        throw InvalidOption("decay " + std::to_string(decay) + " of averaged weights must be in [0, 1)");
}

void WeightAverage::update() {
    const torch::NoGradGuard no_gradients;
    ++updates_;
    if (averages_.empty()) {
        for (const auto& parameter : parameters_) averages_.push_back(parameter.detach().clone());
        return;
    }
    const double kept = decay_ == equal ? 1 - 1 / static_cast<double>(updates_) : decay_;
    if (!averages_.empty() && !averages_.front().is_cpu()) {
        at::_foreach_mul_(averages_, kept);
        at::_foreach_add_(averages_, parameters_, 1 - kept);
        return;
    }
    for (std::size_t i = 0; i < parameters_.size(); ++i)
        averages_[i].mul_(kept).add_(parameters_[i].detach(), 1 - kept);
}

void WeightAverage::swap() {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < averages_.size(); ++i) {
        const auto kept = parameters_[i].detach().clone();
        parameters_[i].copy_(averages_[i]);
        averages_[i].copy_(kept);
    }
}

void WeightAverage::load(const std::vector<torch::Tensor>& averages, std::int64_t updates) {
    if (!averages.empty() && averages.size() != parameters_.size())
        throw InvalidState(std::to_string(averages.size()) + " averages for " +
                           std::to_string(parameters_.size()) + " parameters; one each is needed");
    averages_.clear();
    for (const auto& average : averages) averages_.push_back(average.detach().clone());
    updates_ = updates;
}

}  // namespace attune
