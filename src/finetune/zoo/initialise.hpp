#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

namespace attune::detail {

/// Whether networks built on this thread draw their weights.
[[nodiscard]] bool initialises() noexcept;

/// While one lives, networks built on this thread keep the weights of their layers unset: to load a file into
/// them, or to look at names and shapes.
class WithoutInitialisation {
  public:
    WithoutInitialisation() noexcept;
    ~WithoutInitialisation();
    WithoutInitialisation(const WithoutInitialisation&) = delete;
    WithoutInitialisation& operator=(const WithoutInitialisation&) = delete;

  private:
    bool before_;
};

// Each sets all convolutions and linear layers below `root`, where `initialises()`; batch and layer
// normalisations are born right.

/// He et al. (ICCV 2015), normal, by fan-out, with zero biases; linear layers stay unset.
void initialise_kaiming_fan_out(torch::nn::Module& root);

/// The same by fan-in.
void initialise_kaiming_fan_in(torch::nn::Module& root);

/// As torch's constructors do: uniform within 1 / sqrt(fan-in).
void initialise_as_torch(torch::nn::Module& root);

/// Normal with the deviation `std` (truncated at +-2 where `truncated`) and zero biases; convolutions and
/// linear layers.
void initialise_normal(torch::nn::Module& root, double std, bool truncated);

/// Truncated at +-2, zero bias where there is one.
void initialise_truncated(torch::nn::LinearImpl& layer, double std);

/// Normal, zero bias.
void initialise_normal(torch::nn::LinearImpl& layer, double std);

/// Draws from a normal distribution, and again what lies beyond +-2. Does nothing unless `initialises()`.
void truncated_normal(torch::Tensor tensor, double std);

}  // namespace attune::detail
