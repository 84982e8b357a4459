#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "attune/finetune/data/random.hpp"
#include "attune/finetune/train/recipe.hpp"

namespace attune::detail {

/// Linear heads side by side (T x C x F weights) that learn from the same batches. Gradients are written
/// down, not recorded: that of the mean cross entropy by logits is (probabilities - targets) / batch size.
class HeadBank {
  public:
    HeadBank(std::vector<torch::Tensor> weights, std::vector<torch::Tensor> biases,
             std::span<const Recipe> recipes);

    /// One update of all heads that are left from features (B x F) and labels; `rates` and `momenta` are one
    /// a head. Returns the heads' mean losses before it.
    std::vector<double> update(const torch::Tensor& features, const torch::Tensor& labels,
                               const std::vector<double>& rates, const std::vector<double>& momenta);

    /// Logits of the weights that are judged (averages where a recipe has them), heads x rows x classes.
    [[nodiscard]] torch::Tensor judged_logits(const torch::Tensor& features) const;

    [[nodiscard]] torch::Tensor judged_weight(std::size_t head) const;
    [[nodiscard]] torch::Tensor judged_bias(std::size_t head) const;

    /// Lets go of all but these heads, by their present place.
    void keep(const std::vector<std::int64_t>& places);

  private:
    struct Moments {
        torch::Tensor weight;
        torch::Tensor bias;
    };
    void move(torch::Tensor& parameter, torch::Tensor gradient, torch::Tensor& first, torch::Tensor& second,
              const torch::Tensor& decay, const torch::Tensor& rates, const torch::Tensor& momenta);
    void clip(torch::Tensor& weight_gradient, torch::Tensor& bias_gradient) const;
    [[nodiscard]] torch::Tensor dropped(const torch::Tensor& features);
    [[nodiscard]] torch::Tensor column(double (*of)(const Recipe&)) const;

    std::vector<const Recipe*> recipes_;  ///< of the heads that are left
    torch::Tensor weight_;                ///< T x C x F
    torch::Tensor bias_;                  ///< T x 1 x C
    Moments first_;
    Moments second_;
    torch::Tensor average_weight_;  ///< undefined where no recipe averages
    torch::Tensor average_bias_;
    std::vector<RandomStream> dropout_;
    std::int64_t steps_ = 0;
};

}  // namespace attune::detail
