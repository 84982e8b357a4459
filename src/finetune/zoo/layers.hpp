#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace attune::detail {

/// Throws InvalidOption for fewer than one class.
void check_classes(std::int64_t classes);

/// Throws InvalidOption outside [0, 1).
void check_dropout(double probability);

/// Gives `fresh` the training mode of `old` and the device and type of `like`.
void match(torch::nn::Module& fresh, const torch::nn::Module& old, const torch::Tensor& like);

/// Puts `fresh` where the module called `path` ("fc", "classifier.1") stands under `root`; the order stays.
void replace_module_at(torch::nn::Module& root, const std::string& path,
                       std::shared_ptr<torch::nn::Module> fresh);

enum class Activation { none, relu, relu6 };

/// In place: what the network has just computed is nobody else's.
torch::Tensor rectify(torch::Tensor x);
torch::Tensor activate(torch::Tensor x, Activation activation);

/// A convolution with "same" padding, behind which comes a batch normalisation.
struct ConvSpec {
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    std::int64_t groups = 1;
    Activation activation = Activation::none;
};

torch::nn::Conv2d make_conv(const ConvSpec& spec);

/// A module of one tensor in, one tensor out.
class Block : public torch::nn::Module {
  public:
    virtual torch::Tensor forward(torch::Tensor x) = 0;
};

/// Convolution, normalisation, activation; once or several times over, with the names that Python's
/// `nn.Sequential` gives them: every one of the three, the activation included, takes the next number.
class ConvNormChain : public Block {
  public:
    explicit ConvNormChain(const std::vector<ConvSpec>& specs);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    struct Link {
        torch::nn::Conv2d conv;
        torch::nn::BatchNorm2d norm;
        Activation activation;
    };
    std::vector<Link> links_;
};

/// N x C x H x W to N x C.
torch::Tensor global_average(const torch::Tensor& x);

/// The channels a0 b0 a1 b1 ... : what concatenating two tensors and shuffling the channels in two groups
/// gives, in one copy. Channels-last inputs give a channels-last result.
torch::Tensor interleave_channels(const torch::Tensor& a, const torch::Tensor& b);

/// Sets the convolutions of `root` as He et al. (ICCV 2015), normal, by fan-out, with zero biases.
void initialise_kaiming_fan_out(torch::nn::Module& root);

}  // namespace attune::detail
