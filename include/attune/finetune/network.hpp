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

/// A second classifier that looks at the output of a stage and only helps to train (GoogLeNet, Inception V3).
struct AuxiliaryHead {
    std::string name;          ///< of its replaceable layer, such as "aux1.fc2"
    std::size_t stage = 0;     ///< whose output it takes; its parameters belong to that stage
    double loss_weight = 0.3;  ///< of its loss beside that of the head, as its authors have it
};

/// A classification network: ordered stages, then a head.
///
/// Parameter and buffer names are torchvision's, so that its files load strictly. Every network answers the
/// same questions: where it can be cut (`stages`), what runs between two cuts (`forward_stages`), what its
/// head is called and how to replace it. Freezing the first k stages and keeping their output (see
/// FeatureCache) rests on these alone.
///
/// Shapes: images N x C x H x W, normalised as `input` says; features are the output of the last stage, N x F
/// where the head is a linear layer, N x C x h x w where it is a convolution (SqueezeNet); logits N x
/// classes. Between stages a tensor has the shape that the network computes with, such as N x tokens x width.
/// Thread safety: that of a torch module; a network belongs to one thread at a time.
class Network : public torch::nn::Module {
  public:
    using torch::nn::Module::Module;

    InputSpec input;

    [[nodiscard]] virtual const std::vector<Stage>& stages() const = 0;

    /// Runs the stages [first, last) on the output of stage first - 1 (the images where first is 0); `x` is
    /// left as it was. Throws InvalidOption unless first <= last <= stages().size(), and for images that
    /// `check_images` refuses.
    virtual torch::Tensor forward_stages(torch::Tensor x, std::size_t first, std::size_t last) = 0;

    /// Logits (N x classes) of the features of the last stage, which are left as they were.
    virtual torch::Tensor forward_head(torch::Tensor features) = 0;

    /// Name of the replaceable layer, such as "fc" or "classifier.1"; its parameters are <name>.weight and,
    /// but for MaxViT, <name>.bias.
    [[nodiscard]] virtual std::string head_name() const = 0;

    /// Puts a fresh head for `classes` classes in place of the old one, with torchvision's initialisation
    /// drawn from torch's default generator, of the old head's type and on its device; auxiliary heads get a
    /// fresh layer likewise. The rest of the network is untouched. Throws InvalidOption for fewer than one
    /// class.
    virtual void replace_head(std::int64_t classes) = 0;

    /// The probability, in [0, 1), of the dropout in front of the head; networks without one ignore it.
    /// Throws InvalidOption.
    virtual void set_head_dropout(double probability) = 0;

    [[nodiscard]] virtual std::int64_t classes() const = 0;

    /// Logits (N x classes) of normalised images.
    torch::Tensor forward(torch::Tensor images) {
        return forward_head(forward_stages(std::move(images), 0, stages().size()));
    }

    /// The auxiliary heads, in the order of computation; most networks have none.
    [[nodiscard]] virtual const std::vector<AuxiliaryHead>& auxiliary_heads() const;

    /// Logits (N x classes) of auxiliary head `index` from the output of its stage. Throws InvalidOption for
    /// an index that is not there or an output that is too small for it.
    virtual torch::Tensor forward_auxiliary(std::size_t index, const torch::Tensor& stage_output);

    /// Removes the auxiliary heads and their parameters, as torchvision does with `aux_logits=False`.
    virtual void drop_auxiliary_heads() {}

    /// Makes the network take squares of `side` pixels: `input.image_size` changes and, where the network has
    /// parameters for each place of the image (ViT), these are interpolated. Throws InvalidOption for a side
    /// that the architecture does not permit.
    virtual void set_image_size(std::int64_t side);

    /// Replaces the weights of the first convolution by ones for images of `channels` channels: for one
    /// channel the sum over the colours, for others the colours' weights in turn, scaled to keep the size of
    /// the output. `input.channels` changes; the statistics do not. Gradients of that layer are dropped.
    /// Throws InvalidOption for fewer than one channel.
    void set_input_channels(std::int64_t channels);

    /// Throws InvalidOption unless `images` is a N x C x H x W tensor of the channels and a size that `input`
    /// names.
    void check_images(const torch::Tensor& images) const;
};

using NetworkPtr = std::shared_ptr<Network>;

/// What a network computes of a batch in training.
struct TrainingLogits {
    torch::Tensor logits;  ///< N x classes

    /// Loss weight and logits (N x classes) of each auxiliary head that hangs on a stage that was run.
    std::vector<std::pair<double, torch::Tensor>> auxiliary;
};

/// Logits of the head and of the auxiliary heads from the output of stage first - 1 (the images where `first`
/// is 0, so that the first `first` stages may be frozen and cached). The loss is that of the logits plus the
/// weighted ones of the auxiliary heads. Throws as `forward_stages` and `forward_auxiliary` do.
[[nodiscard]] TrainingLogits training_logits(Network& network, torch::Tensor x, std::size_t first = 0);

}  // namespace attune
