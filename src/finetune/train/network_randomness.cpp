#include "network_randomness.hpp"

#include <ATen/Context.h>
#include <torch/nn/modules/dropout.h>
#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>

#include "attune/finetune/zoo/stochastic_depth.hpp"

namespace attune::detail {
namespace {

std::mutex& generator_mutex() {
    static std::mutex mutex;
    return mutex;
}

/// The probability of a dropout of this kind, where the module is one.
template <typename Dropout>
std::optional<double> probability_of(const torch::nn::Module& module) {
    const auto* dropout = module.as<Dropout>();
    return dropout == nullptr ? std::nullopt : std::optional(dropout->options.p());
}

/// The probability with which a module of a kind that is known leaves something out.
std::optional<double> known_probability(const torch::nn::Module& module) {
    if (const auto* depth = module.as<StochasticDepth>()) return depth->probability();
    for (const auto& found :
         {probability_of<torch::nn::DropoutImpl>(module), probability_of<torch::nn::Dropout2dImpl>(module),
          probability_of<torch::nn::Dropout3dImpl>(module),
          probability_of<torch::nn::AlphaDropoutImpl>(module),
          probability_of<torch::nn::FeatureAlphaDropoutImpl>(module)})
        if (found) return found;
    return std::nullopt;
}

bool is_random(const torch::nn::Module& module) {
    if (!module.is_training()) return false;
    if (const auto probability = known_probability(module)) return *probability > 0;
    const std::string name = module.name();
    for (const char* word : {"Dropout", "StochasticDepth", "DropPath"})
        if (name.find(word) != std::string::npos) return true;
    return false;
}

}  // namespace

bool draws_randomly(const torch::nn::Module& network) {
    for (const auto& module : network.modules(/*include_self=*/false))
        if (is_random(*module)) return true;
    return false;
}

bool draws_for_own_rows(const torch::nn::Module& network) {
    for (const auto& module : network.modules(/*include_self=*/false))
        if (module->as<StochasticDepth>() == nullptr && is_random(*module)) return true;
    return false;
}

struct SeededGenerator::Kept {
    at::Generator generator;
    torch::Tensor state;
};

SeededGenerator::SeededGenerator(std::uint64_t seed, torch::Device device)
    : lock_(generator_mutex()),
      kept_(std::make_unique<Kept>(Kept{at::globalContext().defaultGenerator(device), {}})) {
    const std::lock_guard guard(kept_->generator.mutex());
    kept_->state = kept_->generator.get_state();
    kept_->generator.set_current_seed(seed);
}

SeededGenerator::~SeededGenerator() {
    const std::lock_guard guard(kept_->generator.mutex());
    kept_->generator.set_state(kept_->state);
}

}  // namespace attune::detail
