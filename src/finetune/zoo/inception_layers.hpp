#pragma once

#include <string>
#include <vector>

#include "layers.hpp"

namespace attune::detail {

/// A convolution of any shape, batch-normalised and rectified, called conv and bn.
class NamedConvNorm : public Block {
  public:
    explicit NamedConvNorm(const torch::nn::Conv2dOptions& options);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    torch::nn::Conv2d conv_;
    BatchNorm2d norm_;
};

std::shared_ptr<NamedConvNorm> named_conv(std::int64_t in, std::int64_t out, std::int64_t kernel,
                                          std::int64_t stride = 1, std::int64_t padding = 0);

/// Wide and high are the kernel's sides; "same" padding.
std::shared_ptr<NamedConvNorm> oblong_conv(std::int64_t in, std::int64_t out, std::int64_t high,
                                           std::int64_t wide);

/// Branches side by side, whose outputs are concatenated along the channels.
class Branches : public Block {
  public:
    torch::Tensor forward(torch::Tensor x) override;

  protected:
    using Branch = std::function<torch::Tensor(const torch::Tensor&)>;

    void add_branch(Branch branch) { branches_.push_back(std::move(branch)); }

    /// A branch of blocks, each registered in this module under its name.
    struct Named {
        std::string name;
        std::shared_ptr<Block> block;
    };
    /// `before` (a pooling) may be empty.
    void add_branch(std::vector<Named> blocks, Branch before = {});

  private:
    std::vector<Branch> branches_;
};

}  // namespace attune::detail
