#include "attune/finetune/evaluate/forgetting.hpp"

#include <torch/types.h>
#include <torch/utils.h>

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "../train/network_randomness.hpp"
#include "attune/error.hpp"
#include "attune/finetune/network.hpp"

namespace attune {
namespace {

/// The layers that Network::replace_head puts anew, and all that one would have to know to put them back.
struct Layer {
    std::string name;  ///< of a parameter
    torch::Tensor value;
    bool trains = false;
};

std::vector<Layer> layers_of(const Network& network) {
    std::vector<std::string> beginnings{network.head_name() + "."};
    for (const auto& head : network.auxiliary_heads()) beginnings.push_back(head.name + ".");
    std::vector<Layer> layers;
    for (const auto& item : network.named_parameters())
        for (const auto& beginning : beginnings)
            if (item.key().starts_with(beginning))
                layers.push_back({item.key(), item.value().detach().clone(), item.value().requires_grad()});
    return layers;
}

/// Layers that the network does not have, such as auxiliary heads that were dropped, are left out.
void put(Network& network, std::int64_t classes, const std::vector<Layer>& layers) {
    {
        const detail::SeededGenerator undisturbed(0, torch::kCPU);
        network.replace_head(classes);
    }
    const torch::NoGradGuard no_gradients;
    auto parameters = network.named_parameters();
    for (const auto& layer : layers)
        if (auto* live = parameters.find(layer.name); live != nullptr) {
            live->copy_(layer.value);
            live->set_requires_grad(layer.trains);
        }
}

void require_fit(const Network& network, const std::vector<Layer>& layers) {
    const auto parameters = network.named_parameters();
    const std::string head = network.head_name() + ".";
    for (const auto& layer : layers) {
        if (!layer.name.starts_with(head)) continue;
        const auto* live = parameters.find(layer.name);
        // All but the number of outputs, which is that of the task.
        if (live == nullptr || live->sizes().slice(1) != layer.value.sizes().slice(1))
            throw InvalidOption(fmt::format(
                "the network's {} does not take the place of the head that the source task was kept with",
                layer.name));
    }
}

}  // namespace

double Forgetting::forgotten() const { return before.metrics.accuracy - after.metrics.accuracy; }

struct SourceTask::Heads {
    std::int64_t classes;
    std::string name;  ///< of the head
    std::vector<Layer> layers;
};

SourceTask::SourceTask(Network& network, ImageData data, Split part, EvaluateOptions options)
    : data_(std::move(data)),
      part_(part),
      options_(std::move(options)),
      heads_(
          std::make_shared<const Heads>(Heads{network.classes(), network.head_name(), layers_of(network)})),
      before_(evaluate(network, data_, part_, options_)) {}

Forgetting SourceTask::measure(Network& network) const {
    if (network.head_name() != heads_->name)
        throw InvalidOption(fmt::format("the network's head is {}; that of the source task is {}",
                                        network.head_name(), heads_->name));
    require_fit(network, heads_->layers);
    const auto classes = network.classes();
    const auto own = layers_of(network);
    Forgetting result{before_, {}};
    try {
        put(network, heads_->classes, heads_->layers);
        result.after = evaluate(network, data_, part_, options_);
    } catch (...) {
        put(network, classes, own);
        throw;
    }
    put(network, classes, own);
    return result;
}

}  // namespace attune
