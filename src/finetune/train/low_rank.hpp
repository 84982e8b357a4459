#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/network.hpp"

namespace attune::detail {

/// Low-rank corrections of the weights of linear and convolution layers (LoRA, Hu et al. 2022): a weight,
/// flattened to out x rest, is W + scale B A with A (rank x rest) drawn and B (out x rank) zero at first.
///
/// While it lives the layers compute with corrected weights that apply() makes of the factors; the network's
/// own parameters stay as they are until merge().
class LowRank {
  public:
    struct Layer {
        std::string name;  ///< of the weight
        std::size_t stage;
        std::shared_ptr<torch::nn::Module> module;
        torch::Tensor weight;  ///< the network's own
        torch::Tensor down;    ///< A
        torch::Tensor up;      ///< B
    };

    /// Of the layers in the stages from `first` on, the head and auxiliary heads excepted. `alpha` 0:
    /// scale 1.
    LowRank(Network& network, std::size_t first, std::int64_t rank, double alpha, std::uint64_t seed);
    ~LowRank();
    LowRank(const LowRank&) = delete;
    LowRank& operator=(const LowRank&) = delete;

    /// Hands the layers their corrected weights; with gradients where these are recorded.
    void apply();

    /// Adds the corrections to the network's weights and lets the layers compute with these again.
    void merge();

    [[nodiscard]] std::vector<Layer>& layers() { return layers_; }

  private:
    [[nodiscard]] torch::Tensor correction(const Layer& layer) const;
    void put_back() noexcept;

    std::vector<Layer> layers_;
    double scale_ = 1;
};

}  // namespace attune::detail
