#pragma once

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attune/finetune/network.hpp"
#include "attune/finetune/state_dict.hpp"

/// The formulas by which the reference values' weights and images are made (fixtures/README.md).
namespace attune::test {

inline std::uint64_t fnv1a64(std::string_view text) {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    return hash;
}

inline std::uint64_t splitmix64(std::uint64_t seed, std::uint64_t i) {
    std::uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

inline double uniform(std::uint64_t seed, std::uint64_t i) {
    return static_cast<double>(splitmix64(seed, i) >> 40) * 0x1p-23 - 1;
}

/// float32 tensor of which element i is `value(u_i)`.
template <typename Value>
torch::Tensor generate(const std::string& name, const std::vector<std::int64_t>& shape, const Value& value) {
    auto result = torch::empty(shape, torch::kFloat32);
    const auto seed = fnv1a64(name);
    auto* out = result.data_ptr<float>();
    for (std::int64_t i = 0; i < result.numel(); ++i)
        out[i] = static_cast<float>(value(uniform(seed, static_cast<std::uint64_t>(i))));
    return result;
}

/// N x C x H x W, in [-1, 1).
inline torch::Tensor image(const std::string& seed, const std::vector<std::int64_t>& shape) {
    return generate(seed, shape, [](double u) { return u; });
}

/// The fill rule; undefined for names that it does not know, and what networks compute themselves.
inline torch::Tensor filled(const std::string& name, const std::vector<std::int64_t>& shape, double gain) {
    const auto last = name.substr(name.rfind('.') + 1);
    if ((last == "weight" || last == "in_proj_weight") && shape.size() >= 2) {
        double fan_in = 1;
        for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
        const double scale = gain * std::sqrt(3 / fan_in);
        return generate(name, shape, [scale](double u) { return scale * u; });
    }
    if (last == "weight")
        return generate(name, shape, [](double u) {
            const volatile double product = 0.1 * u;  // volatile: no fused multiply-add
            return 1 + product;
        });
    if (last == "bias" || last == "in_proj_bias")
        return generate(name, shape, [](double u) { return 0.01 * u; });
    if (last == "running_mean") return generate(name, shape, [](double u) { return 0.05 * u; });
    if (last == "running_var")
        return generate(name, shape, [](double u) {
            const volatile double product = 0.5 * std::abs(u);
            return 1 + product;
        });
    if (last == "relative_position_bias_table" || last == "class_token" || last == "pos_embedding")
        return generate(name, shape, [](double u) { return 0.02 * u; });
    const auto affine = [&](double offset, double slope) {
        return generate(name, shape, [=](double u) {
            const volatile double product = slope * u;
            return offset + product;
        });
    };
    if (last == "layer_scale") return affine(0.5, 0.25);
    if (last == "logit_scale") return affine(2.302585092994046, 0.1);
    if (last == "scale_weight") return affine(20, 0.5);
    return {};
}

inline void fill(Network& network, double gain) {
    torch::NoGradGuard no_grad;
    for (auto& [name, tensor] : named_state(network)) {
        if (name.ends_with("num_batches_tracked")) tensor.zero_();
        if (!tensor.is_floating_point()) continue;
        if (const auto values = filled(name, tensor.sizes().vec(), gain); values.defined())
            tensor.copy_(values);
    }
}

}  // namespace attune::test
