#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <mutex>

namespace attune::detail {

/// Whether a network has layers of its own that draw random numbers while it trains (dropout, stochastic
/// depth, of a probability above 0): those draw from torch's one generator, which all threads share.
[[nodiscard]] bool draws_randomly(const torch::nn::Module& network);

/// Whether there are such beside StochasticDepth, which alone draws for a joint batch.
[[nodiscard]] bool draws_for_own_rows(const torch::nn::Module& network);

/// While it lives, torch's generator of `device` is this thread's alone and begins at `seed`; then it is as
/// before. So what a network draws is a function of the seed, whatever else runs beside it.
class SeededGenerator {
  public:
    SeededGenerator(std::uint64_t seed, torch::Device device);
    ~SeededGenerator();
    SeededGenerator(const SeededGenerator&) = delete;
    SeededGenerator& operator=(const SeededGenerator&) = delete;

  private:
    struct Kept;
    std::unique_lock<std::mutex> lock_;
    std::unique_ptr<Kept> kept_;
};

}  // namespace attune::detail
