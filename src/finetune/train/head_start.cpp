#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/space/detail/counted.hpp"
#include "auxiliary_heads.hpp"

namespace attune {
namespace {

constexpr std::uint64_t head_purpose = 0x68656164;

torch::Tensor parameter_of(Network& network, const std::string& name) {
    const auto parameters = network.named_parameters();
    const auto* found = parameters.find(name);
    if (found == nullptr)
        throw InvalidState("the network has no parameter " + name + ", which its head_name() promises");
    return *found;
}

template <typename Draw>
void fill(torch::Tensor parameter, Draw draw) {
    auto values = torch::empty(parameter.sizes(), torch::kFloat64);
    auto* out = values.data_ptr<double>();
    for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = draw();
    parameter.copy_(values);
}

}  // namespace

void start_head(Network& network, std::int64_t classes, HeadStart start, std::uint64_t seed) {
    if (classes < 1)
        throw InvalidOption("outputs " + std::to_string(classes) + " of a head must be at least 1");
    if (start == HeadStart::keep) {
        if (network.classes() != classes)
            throw InvalidOption("head_start keep: the head tells " +
                                detail::counted(network.classes(), "class", "classes") + " apart, " +
                                std::to_string(classes) + " are needed");
        return;
    }
    if (network.classes() != classes) {
        network.replace_head(classes);
        detail::start_auxiliary_heads(network, 0, seed);
    }
    const torch::NoGradGuard no_gradients;
    auto weight = parameter_of(network, network.head_name() + ".weight");
    const auto parameters = network.named_parameters();
    const auto* bias = parameters.find(network.head_name() + ".bias");
    detail::RandomStream stream{seed, head_purpose};
    const auto fan_in = static_cast<double>(weight.numel() / weight.size(0));
    const double bound = 1 / std::sqrt(fan_in);
    switch (start) {
        case HeadStart::zeros:
            weight.zero_();
            break;
        case HeadStart::uniform:
            fill(weight, [&] { return stream.uniform(-bound, bound); });
            break;
        default:
            fill(weight, [&] { return 0.01 * stream.normal(); });
            break;
    }
    if (bias == nullptr) return;
    if (start == HeadStart::uniform)
        fill(*bias, [&] { return stream.uniform(-bound, bound); });
    else
        torch::Tensor(*bias).zero_();
}

}  // namespace attune
