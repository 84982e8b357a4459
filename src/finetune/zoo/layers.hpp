#pragma once

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/zoo/batch_norm.hpp"

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

/// `channels` to the nearest multiple of 8, but never less than nine tenths of it (Howard et al.).
std::int64_t multiple_of_8(double channels);

enum class Activation { none, relu, relu6, silu, hardswish, gelu, sigmoid, hardsigmoid };

/// In place: what the network has just computed is nobody else's.
torch::Tensor rectify(torch::Tensor x);
/// In place where torch can.
torch::Tensor activate(torch::Tensor x, Activation activation);

/// Of a batch normalisation, in torch's terms.
struct Norm {
    double eps = 1e-5;
    double momentum = 0.1;
};

BatchNorm2d make_norm(std::int64_t channels, const Norm& norm);

/// A convolution with "same" padding (half the kernel), behind which comes a batch normalisation.
struct ConvSpec {
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t kernel = 1;
    std::int64_t stride = 1;
    std::int64_t groups = 1;
    Activation activation = Activation::none;
    Norm norm{};
};

/// The makers of layers leave their memory unset: networks are initialised as a whole, once, where
/// `initialises()`. A network of a gigabyte costs nothing until then.
torch::nn::Conv2d make_conv(const torch::nn::Conv2dOptions& options);
torch::nn::Conv2d make_conv(const ConvSpec& spec);
torch::nn::Linear make_linear(std::int64_t in, std::int64_t out, bool bias = true);

/// A module of one tensor in, one tensor out.
class Block : public torch::nn::Module {
  public:
    virtual torch::Tensor forward(torch::Tensor x) = 0;
};

/// Blocks and functions without parameters, one behind the other.
class Sequence : public Block {
  public:
    template <typename B>
    std::shared_ptr<B> add(const std::string& name, std::shared_ptr<B> block) {
        register_module(name, block);
        steps_.push_back([block](torch::Tensor x) { return block->forward(std::move(x)); });
        return block;
    }
    template <typename B>
    torch::nn::ModuleHolder<B> add(const std::string& name, torch::nn::ModuleHolder<B> layer) {
        register_module(name, layer);
        steps_.push_back([layer](torch::Tensor x) mutable { return layer->forward(x); });
        return layer;
    }
    void then(std::function<torch::Tensor(torch::Tensor)> step) { steps_.push_back(std::move(step)); }
    torch::Tensor forward(torch::Tensor x) override;

  private:
    std::vector<std::function<torch::Tensor(torch::Tensor)>> steps_;
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
        BatchNorm2d norm;
        Activation activation;
    };
    std::vector<Link> links_;
};

inline std::shared_ptr<ConvNormChain> conv_norm(const ConvSpec& spec) {
    return std::make_shared<ConvNormChain>(std::vector<ConvSpec>{spec});
}

/// Scales the channels by what a small network makes of their means (Hu et al., "Squeeze-and-Excitation
/// Networks", CVPR 2018).
class SqueezeExcitation : public Block {
  public:
    SqueezeExcitation(std::int64_t channels, std::int64_t squeezed, Activation activation,
                      Activation gate = Activation::sigmoid);
    torch::Tensor forward(torch::Tensor x) override;

  private:
    torch::nn::Conv2d squeeze_, excite_;
    Activation activation_, gate_;
};

/// N x C x H x W to N x C.
torch::Tensor global_average(const torch::Tensor& x);

/// The channels a0 b0 a1 b1 ... : what concatenating two tensors and shuffling the channels in two groups
/// gives, in one copy. Channels-last inputs give a channels-last result.
torch::Tensor interleave_channels(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace attune::detail

#include "initialise.hpp"
