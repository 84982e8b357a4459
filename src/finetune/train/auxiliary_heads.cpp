#include "auxiliary_heads.hpp"

#include <torch/utils.h>

#include <algorithm>

#include "attune/error.hpp"
#include "attune/finetune/data/random.hpp"

namespace attune::detail {
namespace {

constexpr std::uint64_t auxiliary_purpose = 0x617578;

}  // namespace

std::string prefix_of(const AuxiliaryHead& head) {
    const auto dot = head.name.find('.');
    return (dot == std::string::npos ? head.name : head.name.substr(0, dot)) + ".";
}

bool is_auxiliary(const Network& network, const std::string& name) {
    return std::ranges::any_of(network.auxiliary_heads(),
                               [&](const AuxiliaryHead& head) { return name.starts_with(prefix_of(head)); });
}

void start_auxiliary_heads(Network& network, std::size_t first, std::uint64_t seed) {
    const torch::NoGradGuard no_gradients;
    auto parameters = network.named_parameters();
    const auto& heads = network.auxiliary_heads();
    for (std::size_t i = 0; i < heads.size(); ++i) {
        if (heads[i].stage < first) continue;
        RandomStream stream{seed, auxiliary_purpose, i};
        auto* weight = parameters.find(heads[i].name + ".weight");
        if (weight == nullptr)
            throw InvalidState("the network has no parameter " + heads[i].name +
                               ".weight, which its auxiliary_heads() promise");
        auto values = torch::empty(weight->sizes(), torch::kFloat64);
        auto* out = values.data_ptr<double>();
        for (std::int64_t k = 0; k < values.numel(); ++k) out[k] = 0.01 * stream.normal();
        weight->copy_(values);
        if (auto* bias = parameters.find(heads[i].name + ".bias")) bias->zero_();
    }
}

torch::Tensor forward_with_auxiliary(Network& network, torch::Tensor x, std::size_t first,
                                     SmallPictures small, AuxiliaryLogits& auxiliary) {
    const auto& heads = network.auxiliary_heads();
    for (std::size_t i = 0; i < heads.size(); ++i) {
        if (heads[i].stage < first) continue;
        x = network.forward_stages(std::move(x), first, heads[i].stage + 1);
        first = heads[i].stage + 1;
        try {
            auxiliary.emplace_back(heads[i].loss_weight, network.forward_auxiliary(i, x));
        } catch (const InvalidOption&) {
            if (small == SmallPictures::refused) throw;
        }
    }
    return network.forward_stages(std::move(x), first, network.stages().size());
}

}  // namespace attune::detail
