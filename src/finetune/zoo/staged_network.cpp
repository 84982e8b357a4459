#include "attune/finetune/zoo/staged_network.hpp"

#include <torch/nn/functional/linear.h>

#include <fmt/format.h>

#include <utility>

#include "attune/error.hpp"
#include "layers.hpp"

namespace attune {
namespace {

/// The layer `name` stands in: `root`, or the container before the dot, which is made where there is none.
torch::nn::Module& container_of(torch::nn::Module& root, const std::string& name) {
    const auto dot = name.find('.');
    if (dot == std::string::npos) return root;
    const auto container = name.substr(0, dot);
    for (const auto& child : root.named_children())
        if (child.key() == container) return *child.value();
    return *root.register_module(container, std::make_shared<torch::nn::Module>());
}

torch::nn::Linear fresh_linear(std::int64_t in, std::int64_t out, bool bias,
                               const std::function<void(torch::nn::LinearImpl&)>& initialise) {
    auto linear = detail::make_linear(in, out, bias);
    if (detail::initialises()) {
        if (initialise)
            initialise(*linear);
        else
            linear->reset_parameters();
    }
    return linear;
}

}  // namespace

void StagedNetwork::add_stage(std::string name, Step run, std::vector<std::string> prefixes) {
    if (prefixes.empty()) prefixes.push_back(name + ".");
    stages_.push_back({std::move(name), std::move(prefixes)});
    steps_.push_back(std::move(run));
}

void StagedNetwork::extend_last_stage(Step then) {
    steps_.back() = [before = std::move(steps_.back()), then = std::move(then)](torch::Tensor x) {
        return then(before(std::move(x)));
    };
}

torch::Tensor StagedNetwork::forward_stages(torch::Tensor x, std::size_t first, std::size_t last) {
    if (first > last || last > steps_.size())
        throw InvalidOption(
            fmt::format("stages [{}, {}) cannot be run: the network has {} stages, and the first must not "
                        "exceed the last",
                        first, last, steps_.size()));
    if (first == 0 && last > 0) check_images(x);
    for (std::size_t i = first; i < last; ++i) x = steps_[i](std::move(x));
    return x;
}

void LinearHeadNetwork::add_head(const std::string& name, std::int64_t features, std::int64_t classes,
                                 const HeadOptions& options) {
    detail::check_classes(classes);
    head_name_ = name;
    initialise_ = options.initialise;
    head_ = fresh_linear(features, classes, options.bias, initialise_);
    auto& parent = container_of(*this, name);
    if (options.dropout > 0) {
        dropout_ = torch::nn::Dropout(options.dropout);
        parent.register_module(options.dropout_name.empty() ? "dropout" : options.dropout_name, dropout_);
    }
    parent.register_module(name.substr(name.find('.') + 1), head_);
}

void LinearHeadNetwork::add_auxiliary_head(const AuxiliaryOptions& options, std::int64_t classes) {
    detail::check_classes(classes);
    auxiliary_.push_back({options.name + "." + options.layer, options.stage, options.loss_weight});
    auxiliary_options_.push_back(options);
    auxiliary_layers_.push_back(fresh_linear(options.features, classes, true, options.initialise));
    options.module->register_module(options.layer, auxiliary_layers_.back());
    register_module(options.name, options.module);
    own(options.stage, options.name + ".");
}

torch::Tensor LinearHeadNetwork::forward_head(torch::Tensor features) {
    if (!dropout_.is_empty()) features = dropout_->forward(features);
    return head_->forward(features);
}

torch::Tensor LinearHeadNetwork::forward_auxiliary(std::size_t index, const torch::Tensor& stage_output) {
    if (index >= auxiliary_.size()) return Network::forward_auxiliary(index, stage_output);
    return auxiliary_layers_[index]->forward(auxiliary_options_[index].run(stage_output));
}

void LinearHeadNetwork::replace_head(std::int64_t classes) {
    detail::check_classes(classes);
    const auto replace = [&](const std::string& path, torch::nn::Linear& layer,
                             const Initialise& initialise) {
        auto fresh = fresh_linear(layer->options.in_features(), classes, layer->options.bias(), initialise);
        detail::match(*fresh, *layer, layer->weight);
        detail::replace_module_at(*this, path, fresh.ptr());
        layer = fresh;
    };
    for (std::size_t i = 0; i < auxiliary_.size(); ++i)
        replace(auxiliary_[i].name, auxiliary_layers_[i], auxiliary_options_[i].initialise);
    replace(head_name_, head_, initialise_);
}

void LinearHeadNetwork::drop_auxiliary_heads() {
    for (const auto& options : auxiliary_options_) unregister_module(options.name);
    auxiliary_.clear();
    auxiliary_options_.clear();
    auxiliary_layers_.clear();
}

void LinearHeadNetwork::set_head_dropout(double probability) {
    detail::check_dropout(probability);
    if (!dropout_.is_empty()) dropout_->options.p(probability);
}

}  // namespace attune
