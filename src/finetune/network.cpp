#include "attune/finetune/network.hpp"

#include <torch/nn/modules/conv.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "attune/error.hpp"
#include "train/auxiliary_heads.hpp"

namespace attune {
namespace {

std::string expected_sizes(const InputSpec& input) {
    if (input.fixed_size) return fmt::format("it takes {0} x {0} (see set_image_size)", input.image_size);
    auto text = fmt::format("both sides must be at least {}", input.minimum_size);
    if (input.multiple > 1) text += fmt::format(" and multiples of {}", input.multiple);
    return text;
}

/// Weights for `channels` channels out of those for the old ones, such that images with equal channels give
/// what grey colour images gave.
torch::Tensor for_channels(const torch::Tensor& weight, std::int64_t channels) {
    const auto old = weight.size(1);
    if (channels == 1) return weight.sum(1, /*keepdim=*/true);
    std::vector<std::int64_t> sources;
    for (std::int64_t i = 0; i < channels; ++i) sources.push_back(i % old);
    const auto index = torch::tensor(sources, torch::TensorOptions().dtype(torch::kInt64));
    return weight.index_select(1, index.to(weight.device())) *
           (static_cast<double>(old) / static_cast<double>(channels));
}

}  // namespace

const std::vector<AuxiliaryHead>& Network::auxiliary_heads() const {
    static const std::vector<AuxiliaryHead> none;
    return none;
}

torch::Tensor Network::forward_auxiliary(std::size_t index, const torch::Tensor&) {
    throw InvalidOption(
        fmt::format("auxiliary head {} was asked for; the network has {}", index, auxiliary_heads().size()));
}

void Network::set_image_size(std::int64_t side) {
    auto spec = input;
    spec.image_size = side;
    if (!spec.accepts(side, side))
        throw InvalidOption(fmt::format("image size is {0} x {0}; {1}", side, expected_sizes(input)));
    input = spec;
}

void Network::set_input_channels(std::int64_t channels) {
    if (channels < 1)
        throw InvalidOption(fmt::format("input channels is {}; images have at least 1", channels));
    for (const auto& item : named_modules("", /*include_self=*/false)) {
        // Modules come in the order of computation: the first convolution is what sees the image.
        auto* conv = item.value()->as<torch::nn::Conv2d>();
        if (conv == nullptr) continue;
        if (conv->options.in_channels() != channels) {
            torch::NoGradGuard no_grad;
            conv->weight.mutable_grad().reset();
            conv->weight.set_data(for_channels(conv->weight, channels).contiguous());
            conv->options.in_channels(channels);
        }
        input.channels = channels;
        return;
    }
    throw InvalidOption("the network has no convolution whose input channels could be set");
}

void Network::check_images(const torch::Tensor& images) const {
    if (images.dim() != 4 || images.size(1) != input.channels)
        throw InvalidOption(fmt::format("images have the shape [{}]; N x {} x H x W is needed",
                                        fmt::join(images.sizes().vec(), ", "), input.channels));
    if (!input.accepts(images.size(2), images.size(3)))
        throw InvalidOption(
            fmt::format("images are {} x {}; {}", images.size(2), images.size(3), expected_sizes(input)));
}

TrainingLogits training_logits(Network& network, torch::Tensor x, std::size_t first) {
    TrainingLogits result;
    const auto features = detail::forward_with_auxiliary(network, std::move(x), first,
                                                         detail::SmallPictures::refused, result.auxiliary);
    result.logits = network.forward_head(features);
    return result;
}

}  // namespace attune
