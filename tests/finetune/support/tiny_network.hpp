#pragma once

#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/data/random.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/batch_norm.hpp"

namespace attune::test {

/// Three stages (two convolutions with batch normalisation, one pooling) and a linear head; weights by
/// formula.
class TinyNetwork : public Network {
  public:
    explicit TinyNetwork(std::int64_t classes) {
        input.image_size = 16;
        input.minimum_size = 8;
        first_ = register_module("first", layer(3, 6));
        second_ = register_module("second", layer(6, 8));
        head_ = register_module("fc", torch::nn::Linear(8, classes));
        const torch::NoGradGuard no_gradients;
        detail::RandomStream stream{7};
        for (auto& item : named_parameters()) {
            item.value().fill_(item.key().ends_with("1.weight") ? 1 : 0);
            auto flat = item.value().view({-1});
            for (std::int64_t i = 0; item.value().dim() > 1 && i < flat.numel(); ++i)
                flat[i] = 0.4 * stream.normal();
        }
        for (const auto& item : named_buffers())
            if (item.key().ends_with("running_mean")) item.value().fill_(0.1);
    }

    [[nodiscard]] const std::vector<Stage>& stages() const override {
        static const std::vector<Stage> list{
            {"first", {"first."}}, {"second", {"second."}}, {"pool", {"pool."}}};
        return list;
    }
    torch::Tensor forward_stages(torch::Tensor x, std::size_t begin, std::size_t end) override {
        for (auto stage = begin; stage < end; ++stage) {
            if (stage == 0) x = first_->forward(x);
            if (stage == 1) x = second_->forward(x);
            if (stage == 2) x = x.mean({2, 3});
        }
        return x;
    }
    torch::Tensor forward_head(torch::Tensor features) override { return head_->forward(features); }
    [[nodiscard]] std::string head_name() const override { return "fc"; }
    void replace_head(std::int64_t count) override {
        head_ = replace_module("fc", torch::nn::Linear(8, count));
    }
    void set_head_dropout(double) override {}
    [[nodiscard]] std::int64_t classes() const override { return head_->options.out_features(); }

  private:
    static torch::nn::Sequential layer(std::int64_t in, std::int64_t out) {
        return torch::nn::Sequential(
            torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).stride(2).padding(1)), BatchNorm2d(out),
            torch::nn::ReLU());
    }

    torch::nn::Sequential first_{nullptr};
    torch::nn::Sequential second_{nullptr};
    torch::nn::Linear head_{nullptr};
};

/// Striped pictures: the class decides direction and width of the stripes, the row phase and noise.
inline ImageData striped_images(std::int64_t count, std::int64_t classes = 3, std::int64_t side = 16) {
    auto pixels = torch::empty({count, 3, side, side}, torch::kUInt8);
    auto* out = pixels.data_ptr<std::uint8_t>();
    std::vector<std::int64_t> labels;
    for (std::int64_t row = 0; row < count; ++row) {
        const auto label = row % classes;
        labels.push_back(label);
        detail::RandomStream stream{11, static_cast<std::uint64_t>(row)};
        const double phase = stream.uniform(0, 6);
        for (std::int64_t i = 0; i < 3 * side * side; ++i) {
            const auto x = static_cast<double>(label == 0 ? i % side : i / side % side);
            const double wave = std::sin(x * (label == 2 ? 2.4 : 1.1) + phase);
            *out++ = static_cast<std::uint8_t>(128 + 70 * wave + stream.uniform(-25, 25));
        }
    }
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < classes; ++i) names.push_back("class " + std::to_string(i));
    SplitRows split;
    for (std::int64_t row = 0; row < count; ++row)
        (row % 10 < 6 ? split.train : row % 10 < 8 ? split.validation : split.test).push_back(row);
    return {pixels, labels, names, {}, split, {.image_size = side}};
}

/// All parameters and buffers of a network as one flat copy.
inline torch::Tensor all_values(const torch::nn::Module& module) {
    std::vector<torch::Tensor> parts;
    for (const auto& tensor : module.parameters())
        parts.push_back(tensor.detach().flatten().to(torch::kFloat64));
    for (const auto& tensor : module.buffers()) parts.push_back(tensor.flatten().to(torch::kFloat64));
    return torch::cat(parts).clone();
}

}  // namespace attune::test
