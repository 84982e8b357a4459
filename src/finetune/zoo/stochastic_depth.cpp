#include "attune/finetune/zoo/stochastic_depth.hpp"

#include <fmt/format.h>

#include <vector>

#include "../train/joint_batch.hpp"
#include "attune/error.hpp"
#include "attune/finetune/network.hpp"

namespace attune {

StochasticDepth::StochasticDepth(double probability) { set_probability(probability); }

void StochasticDepth::set_probability(double probability) {
    if (!(probability >= 0 && probability < 1))
        throw InvalidOption(fmt::format("stochastic depth is {}; it must lie in [0, 1)", probability));
    probability_ = probability;
}

torch::Tensor StochasticDepth::forward(torch::Tensor branch) const {
    if (!is_training() || probability_ == 0) return branch;
    const double kept = 1 - probability_;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(branch.dim()), 1);
    const auto* joint = detail::JointBatch::current();
    shape[0] = joint == nullptr ? branch.size(0) : static_cast<std::int64_t>(joint->own().total);
    auto mask = torch::empty(shape, branch.options()).bernoulli_(kept).div_(kept);
    if (joint != nullptr)
        mask = mask.narrow(0, static_cast<std::int64_t>(joint->own().first), branch.size(0));
    return branch * mask;
}

void set_stochastic_depth(Network& network, double last) {
    std::vector<StochasticDepth*> depths;
    for (const auto& module : network.modules(/*include_self=*/false))
        if (auto* depth = module->as<StochasticDepth>()) depths.push_back(depth);
    const StochasticDepth check(last);
    for (std::size_t i = 0; i < depths.size(); ++i)
        depths[i]->set_probability(depths.size() == 1 ? last
                                                      : last * static_cast<double>(i) /
                                                            static_cast<double>(depths.size() - 1));
}

}  // namespace attune
