#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace attune {

/// Averaged copies of parameters. The first update copies them; each later one sets average = decay * average
/// + (1 - decay) * parameter (exponential forgetting after Polyak and Juditsky 1992) or, with `equal`, makes
/// the average the mean of all that were seen (stochastic weight averaging, Izmailov et al. 2018).
class WeightAverage {
  public:
    static constexpr double equal = -1;

    /// `decay` in [0, 1), or `equal`.
    WeightAverage(std::vector<torch::Tensor> parameters, double decay);

    void update();

    /// Exchanges the averages and the parameters; a second call puts them back. Nothing before the first
    /// update.
    void swap();

    [[nodiscard]] std::int64_t updates() const { return updates_; }
    [[nodiscard]] const std::vector<torch::Tensor>& averages() const { return averages_; }

    /// Goes on from averages after so many updates; the tensors are copied.
    void load(const std::vector<torch::Tensor>& averages, std::int64_t updates);

  private:
    std::vector<torch::Tensor> parameters_;
    std::vector<torch::Tensor> averages_;
    double decay_;
    std::int64_t updates_ = 0;
};

}  // namespace attune
