#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/pimpl.h>

namespace attune {

/// Batch normalisation of pictures (N x C x H x W) as torch's BatchNorm2d, with its names, options and
/// results. Where several processes train together (FitOptions::group) its statistics are those of the joint
/// batch: what one process would have seen.
class BatchNorm2dImpl : public torch::nn::NormImplBase<2, BatchNorm2dImpl, torch::nn::BatchNormOptions> {
  public:
    using NormImplBase::NormImplBase;
    torch::Tensor forward(const torch::Tensor& x);

  protected:
    void _check_input_dim(const torch::Tensor& x) override;

  private:
    /// Counts a batch; how much the running statistics move.
    double count_batch();
    torch::Tensor over_joint_batch(const torch::Tensor& x);
};

TORCH_MODULE(BatchNorm2d);

}  // namespace attune
