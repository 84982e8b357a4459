#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "attune/finetune/input_spec.hpp"

namespace attune {

/// A piece of a network between two points where it can be cut, in the order of computation.
struct Stage {
    std::string name;  ///< such as "features.14" or "layer3"
    std::vector<std::string>
        prefixes;  ///< its parameters and buffers begin with one of these ("layer3." ...)
};

/// A classification network: ordered stages, then a head.
///
/// Parameter and buffer names are torchvision's, so that its files load strictly. Every network answers the
/// same questions: where it can be cut (`stages`), what runs between two cuts (`forward_stages`), what its
/// head is called and how to replace it. Freezing the first k stages and keeping their output (see
/// FeatureCache) rests on these alone.
///
/// Shapes: images N x 3 x H x W, normalised as `input` says; features are the output of the last stage, N x F
/// where the head is a linear layer, N x C x h x w where it is a convolution (SqueezeNet); logits N x
/// classes. Thread safety: that of a torch module; a network belongs to one thread at a time.
class Network : public torch::nn::Module {
  public:
    using torch::nn::Module::Module;

    InputSpec input;

    [[nodiscard]] virtual const std::vector<Stage>& stages() const = 0;

    /// Runs the stages [first, last) on the output of stage first - 1 (the images where first is 0); `x` is
    /// left as it was. Throws InvalidOption unless first <= last <= stages().size().
    virtual torch::Tensor forward_stages(torch::Tensor x, std::size_t first, std::size_t last) = 0;

    /// Logits (N x classes) of the features of the last stage, which are left as they were.
    virtual torch::Tensor forward_head(torch::Tensor features) = 0;

    /// Name of the replaceable layer, such as "fc" or "classifier.1"; its parameters are <name>.weight and
    /// <name>.bias.
    [[nodiscard]] virtual std::string head_name() const = 0;

    /// Puts a fresh head for `classes` classes in place of the old one, with torchvision's initialisation
    /// drawn from torch's default generator, of the old head's type and on its device. The rest of the
    /// network is untouched. Throws InvalidOption for fewer than one class.
    virtual void replace_head(std::int64_t classes) = 0;

    /// The probability, in [0, 1), of the dropout in front of the head; networks without one ignore it.
    /// Throws InvalidOption.
    virtual void set_head_dropout(double probability) = 0;

    [[nodiscard]] virtual std::int64_t classes() const = 0;

    /// Logits (N x classes) of normalised images.
    torch::Tensor forward(torch::Tensor images) {
        return forward_head(forward_stages(std::move(images), 0, stages().size()));
    }
};

using NetworkPtr = std::shared_ptr<Network>;

}  // namespace attune
