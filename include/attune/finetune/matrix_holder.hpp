#pragma once

#include <torch/types.h>

#include <string>

namespace attune {

/// A module that multiplies by a matrix which it holds itself, not in a linear layer: as the attention of
/// vision transformers does, whose one matrix makes queries, keys and values. Low-rank corrections
/// (Recipe::lora_rank) reach it through this.
class MatrixHolder {
  public:
    virtual ~MatrixHolder() = default;

    /// Name of the parameter in its module, such as "in_proj_weight".
    [[nodiscard]] virtual std::string matrix_name() const = 0;

    /// What the module computes with; another tensor of that shape may be put in its place.
    [[nodiscard]] virtual torch::Tensor& matrix() = 0;

  protected:
    MatrixHolder() = default;
    MatrixHolder(const MatrixHolder&) = default;
    MatrixHolder& operator=(const MatrixHolder&) = default;
};

}  // namespace attune
