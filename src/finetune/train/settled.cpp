#include "settled.hpp"

namespace attune::detail {

Settled::Settled(Network& network) : network_(network) {
    for (const auto& module : network.modules(/*include_self=*/false)) {
        if (auto dropout = std::dynamic_pointer_cast<torch::nn::DropoutImpl>(module))
            dropouts_.emplace_back(dropout, dropout->options.p());
        if (auto depth = std::dynamic_pointer_cast<StochasticDepth>(module))
            depths_.emplace_back(depth, depth->probability());
    }
}

Settled::~Settled() {
    // One work that fails keeps none of the others from being done.
    for (auto tries = works_.size() + 1; tries > 0 && (!done_ || !works_.empty()); --tries) try {
            now();
        } catch (...) {  // NOLINT(bugprone-empty-catch): see now()
        }
}

void Settled::now() {
    done_ = true;
    network_.zero_grad();
    for (auto& parameter : network_.parameters()) parameter.requires_grad_(false);
    network_.eval();
    put_back_probabilities();
    while (!works_.empty()) {
        const auto work = std::move(works_.back());
        works_.pop_back();
        work();
    }
}

void Settled::put_back_probabilities() {
    for (const auto& [dropout, probability] : dropouts_) dropout->options.p(probability);
    for (const auto& [depth, probability] : depths_) depth->set_probability(probability);
}

}  // namespace attune::detail
