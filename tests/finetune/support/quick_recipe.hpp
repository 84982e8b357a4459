#pragma once

#include <torch/torch.h>

#include "attune/finetune/train/recipe.hpp"

namespace attune::test {

/// Torch with one thread for the length of a test: bit equality is promised for a given number of them.
struct OneThread {
    OneThread() { torch::set_num_threads(1); }
    ~OneThread() { torch::set_num_threads(before); }
    OneThread(const OneThread&) = delete;
    OneThread& operator=(const OneThread&) = delete;
    int before = torch::get_num_threads();
};

/// A training of milliseconds on TinyNetwork.
inline Recipe quick_recipe(std::int64_t frozen = Recipe::head_only) {
    Recipe recipe;
    recipe.frozen_stages = frozen;
    recipe.learning_rate = 0.02;
    recipe.epochs = 4;
    recipe.batch_size = 16;
    return recipe;
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
    return (a - b).abs().max().item<double>();
}

}  // namespace attune::test
