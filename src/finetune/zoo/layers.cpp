#include "layers.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

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

torch::Tensor activate(torch::Tensor x, Activation activation) {
    switch (activation) {
        case Activation::relu:
            return x.relu_();
        case Activation::relu6:
            return torch::hardtanh_(x, 0, 6);
        case Activation::none:
            break;
    }
    return x;
}

torch::nn::Conv2d make_conv(const ConvSpec& spec) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(spec.in, spec.out, spec.kernel)
                                 .stride(spec.stride)
                                 .padding(spec.kernel / 2)
                                 .groups(spec.groups)
                                 .bias(false));
}

ConvNormChain::ConvNormChain(const std::vector<ConvSpec>& specs) {
    std::size_t next = 0;
    for (const auto& spec : specs) {
        links_.push_back({make_conv(spec), torch::nn::BatchNorm2d(spec.out), spec.activation});
        register_module(std::to_string(next++), links_.back().conv);
        register_module(std::to_string(next++), links_.back().norm);
        if (spec.activation != Activation::none) ++next;
    }
}

torch::Tensor ConvNormChain::forward(torch::Tensor x) {
    for (auto& link : links_) x = activate(link.norm->forward(link.conv->forward(x)), link.activation);
    return x;
}

torch::Tensor global_average(const torch::Tensor& x) { return x.mean({2, 3}); }

torch::Tensor interleave_channels(const torch::Tensor& a, const torch::Tensor& b) {
    if (a.suggest_memory_format() == torch::MemoryFormat::ChannelsLast)
        return torch::stack({a.permute({0, 2, 3, 1}), b.permute({0, 2, 3, 1})}, 4)
            .flatten(3)
            .permute({0, 3, 1, 2});
    return torch::stack({a, b}, 2).flatten(1, 2);
}

void initialise_kaiming_fan_out(torch::nn::Module& root) {
    torch::NoGradGuard no_grad;
    for (const auto& module : root.modules(/*include_self=*/false)) {
        auto* conv = module->as<torch::nn::Conv2d>();
        if (conv == nullptr) continue;
        torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
        if (conv->bias.defined()) torch::nn::init::zeros_(conv->bias);
    }
}

}  // namespace attune::detail
