#pragma once

#include <torch/torch.h>
#include <attune/finetune.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

/// Stripes along one of two directions, in noise: 32 x 32 pixels, 2 classes, half of them for training.
inline attune::ImageData stripes(std::int64_t count) {
    torch::manual_seed(1);
    const std::int64_t side = 32;
    torch::Tensor pixels = torch::rand({count, 3, side, side}) * 120;
    std::vector<std::int64_t> labels;
    for (std::int64_t i = 0; i < count; ++i) {
        const torch::Tensor wave =
            (torch::sin(torch::arange(side, torch::kFloat) * 0.8 + static_cast<double>(i)) + 1) * 60;
        pixels[i] += i % 2 == 0 ? wave.view({1, side, 1}) : wave.view({1, 1, side});
        labels.push_back(i % 2);
    }
    const attune::ImageData data(pixels.to(torch::kUInt8), labels, {"across", "along"}, {}, {},
                                 {.image_size = side});
    return attune::complete_split(data, {.validation = 0.25, .test = 0.25}, 1);
}
