#include "network_randomness.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/types.h>

#include <memory>
#include <string>

namespace attune::detail {
namespace {

std::mutex& generator_mutex() {
    static std::mutex mutex;
    return mutex;
}

bool is_random(const torch::nn::Module& module) {
    const std::string name = module.name();
    for (const char* word : {"Dropout", "StochasticDepth", "DropPath"})
        if (name.find(word) != std::string::npos) return module.is_training();
    return false;
}

}  // namespace

bool draws_randomly(const torch::nn::Module& network) {
    for (const auto& module : network.modules(/*include_self=*/false))
        if (is_random(*module)) return true;
    return false;
}

struct SeededGenerator::Kept {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    torch::Tensor state;
};

SeededGenerator::SeededGenerator(std::uint64_t seed)
    : lock_(generator_mutex()), kept_(std::make_unique<Kept>()) {
    const std::lock_guard guard(kept_->generator.mutex());
    kept_->state = kept_->generator.get_state();
    kept_->generator.set_current_seed(seed);
}

SeededGenerator::~SeededGenerator() {
    const std::lock_guard guard(kept_->generator.mutex());
    kept_->generator.set_state(kept_->state);
}

}  // namespace attune::detail
