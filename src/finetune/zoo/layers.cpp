#include "layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "attune/error.hpp"

namespace attune::detail {

void check_classes(std::int64_t classes) {
    if (classes < 1) throw InvalidOption(fmt::format("classes is {}; a head needs at least 1", classes));
}

void check_dropout(double probability) {
    if (!(probability >= 0 && probability < 1))
        throw InvalidOption(fmt::format("head dropout is {}; it must lie in [0, 1)", probability));
}

void match(torch::nn::Module& fresh, const torch::nn::Module& old, const torch::Tensor& like) {
    fresh.to(like.device(), like.scalar_type());
    fresh.train(old.is_training());
}

void replace_module_at(torch::nn::Module& root, const std::string& path,
                       std::shared_ptr<torch::nn::Module> fresh) {
    const auto dot = path.find('.');
    if (dot == std::string::npos)
        root.replace_module(path, std::move(fresh));
    else
        replace_module_at(*root.named_children()[path.substr(0, dot)], path.substr(dot + 1),
                          std::move(fresh));
}

torch::Tensor rectify(torch::Tensor x) { return x.relu_(); }

std::int64_t multiple_of_8(double channels) {
    const auto nearest = std::max<std::int64_t>(8, static_cast<std::int64_t>(channels + 4) / 8 * 8);
    return static_cast<double>(nearest) < 0.9 * channels ? nearest + 8 : nearest;
}

torch::Tensor activate(torch::Tensor x, Activation activation) {
    switch (activation) {
        case Activation::silu:
            return torch::silu_(x);
        case Activation::hardswish:
            return torch::hardswish_(x);
        case Activation::gelu:
            return torch::gelu(x);
        case Activation::sigmoid:
            return x.sigmoid_();
        case Activation::hardsigmoid:
            return torch::hardsigmoid_(x);
        case Activation::relu:
            return x.relu_();
        case Activation::relu6:
            return torch::hardtanh_(x, 0, 6);
        case Activation::none:
            break;
    }
    return x;
}

BatchNorm2d make_norm(std::int64_t channels, const Norm& norm) {
    return BatchNorm2d(torch::nn::BatchNorm2dOptions(channels).eps(norm.eps).momentum(norm.momentum));
}

// torch's constructors draw weights at once. A layer of one weight is made, and then given the memory of the
// one that is wanted.
torch::nn::Conv2d make_conv(const torch::nn::Conv2dOptions& options) {
    torch::nn::Conv2d conv(torch::nn::Conv2dOptions(1, 1, 1).bias(options.bias()));
    conv->options.in_channels(options.in_channels())
        .out_channels(options.out_channels())
        .kernel_size(options.kernel_size())
        .stride(options.stride())
        .padding(options.padding())
        .dilation(options.dilation())
        .groups(options.groups());
    const auto& kernel = *options.kernel_size();
    conv->weight.set_data(torch::empty(
        {options.out_channels(), options.in_channels() / options.groups(), kernel[0], kernel[1]}));
    if (options.bias()) conv->bias.set_data(torch::empty({options.out_channels()}));
    return conv;
}

torch::nn::Conv2d make_conv(const ConvSpec& spec) {
    return make_conv(torch::nn::Conv2dOptions(spec.in, spec.out, spec.kernel)
                         .stride(spec.stride)
                         .padding(spec.kernel / 2)
                         .groups(spec.groups)
                         .bias(false));
}

torch::nn::Linear make_linear(std::int64_t in, std::int64_t out, bool bias) {
    torch::nn::Linear linear(torch::nn::LinearOptions(1, 1).bias(bias));
    linear->options.in_features(in).out_features(out);
    linear->weight.set_data(torch::empty({out, in}));
    if (bias) linear->bias.set_data(torch::empty({out}));
    return linear;
}

torch::Tensor Sequence::forward(torch::Tensor x) {
    for (auto& step : steps_) x = step(std::move(x));
    return x;
}

ConvNormChain::ConvNormChain(const std::vector<ConvSpec>& specs) {
    std::size_t next = 0;
    for (const auto& spec : specs) {
        links_.push_back({make_conv(spec), make_norm(spec.out, spec.norm), spec.activation});
        register_module(std::to_string(next++), links_.back().conv);
        register_module(std::to_string(next++), links_.back().norm);
        if (spec.activation != Activation::none) ++next;
    }
}

torch::Tensor ConvNormChain::forward(torch::Tensor x) {
    for (auto& link : links_) x = activate(link.norm->forward(link.conv->forward(x)), link.activation);
    return x;
}

SqueezeExcitation::SqueezeExcitation(std::int64_t channels, std::int64_t squeezed, Activation activation,
                                     Activation gate)
    : squeeze_(register_module("fc1", make_conv(torch::nn::Conv2dOptions(channels, squeezed, 1)))),
      excite_(register_module("fc2", make_conv(torch::nn::Conv2dOptions(squeezed, channels, 1)))),
      activation_(activation),
      gate_(gate) {}

torch::Tensor SqueezeExcitation::forward(torch::Tensor x) {
    const auto means = x.mean({2, 3}, /*keepdim=*/true);
    return x * activate(excite_->forward(activate(squeeze_->forward(means), activation_)), gate_);
}

torch::Tensor global_average(const torch::Tensor& x) { return x.mean({2, 3}); }

torch::Tensor interleave_channels(const torch::Tensor& a, const torch::Tensor& b) {
    if (a.suggest_memory_format() == torch::MemoryFormat::ChannelsLast)
        return torch::stack({a.permute({0, 2, 3, 1}), b.permute({0, 2, 3, 1})}, 4)
            .flatten(3)
            .permute({0, 3, 1, 2});
    return torch::stack({a, b}, 2).flatten(1, 2);
}

}  // namespace attune::detail
