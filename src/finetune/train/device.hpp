#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace attune::detail {

/// Throws InvalidOption as check_device() does.
[[nodiscard]] torch::Device device_named(const std::string& name);

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
