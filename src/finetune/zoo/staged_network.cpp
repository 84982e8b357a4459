#include "attune/finetune/zoo/staged_network.hpp"

#include <torch/nn/functional/linear.h>

#include <fmt/format.h>

#include <utility>

#include "attune/error.hpp"
#include "layers.hpp"

namespace attune {

void StagedNetwork::add_stage(std::string name, Step run, std::vector<std::string> prefixes) {
    if (prefixes.empty()) prefixes.push_back(name + ".");
    stages_.push_back({std::move(name), std::move(prefixes)});
    steps_.push_back(std::move(run));
}

torch::Tensor StagedNetwork::forward_stages(torch::Tensor x, std::size_t first, std::size_t last) {
    if (first > last || last > steps_.size())
        throw InvalidOption(
            fmt::format("stages [{}, {}) cannot be run: the network has {} stages, and the first must not "
                        "exceed the last",
                        first, last, steps_.size()));
    for (std::size_t i = first; i < last; ++i) x = steps_[i](std::move(x));
    return x;
}

void LinearHeadNetwork::add_head(const std::string& name, std::int64_t features, std::int64_t classes,
                                 Initialise initialise, double dropout) {
    detail::check_classes(classes);
    head_name_ = name;
    initialise_ = std::move(initialise);
    head_ = torch::nn::Linear(features, classes);
    if (initialise_) initialise_(*head_);
    torch::nn::Module* parent = this;
    std::string last = name;
    if (const auto dot = name.find('.'); dot != std::string::npos) {
        parent = register_module(name.substr(0, dot), std::make_shared<torch::nn::Module>()).get();
        last = name.substr(dot + 1);
    }
    if (dropout > 0) {
        dropout_ = torch::nn::Dropout(dropout);
        parent->register_module(last == "1" ? "0" : "dropout", dropout_);
    }
    parent->register_module(last, head_);
}

torch::Tensor LinearHeadNetwork::forward_head(torch::Tensor features) {
    if (!dropout_.is_empty()) features = dropout_->forward(features);
    return head_->forward(features);
}

void LinearHeadNetwork::replace_head(std::int64_t classes) {
    detail::check_classes(classes);
    torch::nn::Linear fresh(head_->options.in_features(), classes);
    if (initialise_) initialise_(*fresh);
    detail::match(*fresh, *head_, head_->weight);
    detail::replace_module_at(*this, head_name_, fresh.ptr());
    head_ = fresh;
}

void LinearHeadNetwork::set_head_dropout(double probability) {
    detail::check_dropout(probability);
    if (!dropout_.is_empty()) dropout_->options.p(probability);
}

}  // namespace attune
