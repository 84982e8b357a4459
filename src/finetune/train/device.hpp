#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace attune::detail {

/// Throws InvalidOption as check_device() does.
[[nodiscard]] torch::Device device_named(const std::string& name);

/// While one lives, cuDNN tries its algorithms on each new shape and keeps the fastest; when the last one
/// goes, that is as it was before the first.
class FastestAlgorithms {
  public:
    FastestAlgorithms();
    ~FastestAlgorithms();
    FastestAlgorithms(const FastestAlgorithms&) = delete;
    FastestAlgorithms& operator=(const FastestAlgorithms&) = delete;
};

/// While it lives, a network's tensors are on a device. Afterwards they are the very ones of before, which
/// other networks may share; what the network does on the device must not change them.
class Visit {
  public:
    Visit(torch::nn::Module& network, torch::Device device);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

  private:
    std::vector<std::pair<torch::Tensor, torch::Tensor>> homes_;  ///< tensors, and what they held
};

}  // namespace attune::detail
