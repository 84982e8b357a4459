#include "attune/finetune/zoo/mobilenet_v3.hpp"

#include <string>
#include <vector>

#include "attune/finetune/zoo/staged_network.hpp"
#include "mobile_block.hpp"

namespace attune {
namespace {

using detail::Activation;

constexpr detail::Norm norm{.eps = 1e-3, .momentum = 0.01};

/// A row of tables 1 and 2 of the paper.
struct Row {
    std::int64_t kernel, expanded, out;
    bool squeezes;
    Activation activation;
    std::int64_t stride;
};
constexpr auto re = Activation::relu;
constexpr auto hs = Activation::hardswish;

const std::vector<Row>& large_rows() {
    static const std::vector<Row> rows{
        {3, 16, 16, false, re, 1},  {3, 64, 24, false, re, 2},  {3, 72, 24, false, re, 1},
        {5, 72, 40, true, re, 2},   {5, 120, 40, true, re, 1},  {5, 120, 40, true, re, 1},
        {3, 240, 80, false, hs, 2}, {3, 200, 80, false, hs, 1}, {3, 184, 80, false, hs, 1},
        {3, 184, 80, false, hs, 1}, {3, 480, 112, true, hs, 1}, {3, 672, 112, true, hs, 1},
        {5, 672, 160, true, hs, 2}, {5, 960, 160, true, hs, 1}, {5, 960, 160, true, hs, 1}};
    return rows;
}

const std::vector<Row>& small_rows() {
    static const std::vector<Row> rows{
        {3, 16, 16, true, re, 2},  {3, 72, 24, false, re, 2}, {3, 88, 24, false, re, 1},
        {5, 96, 40, true, hs, 2},  {5, 240, 40, true, hs, 1}, {5, 240, 40, true, hs, 1},
        {5, 120, 48, true, hs, 1}, {5, 144, 48, true, hs, 1}, {5, 288, 96, true, hs, 2},
        {5, 576, 96, true, hs, 1}, {5, 576, 96, true, hs, 1}};
    return rows;
}

class MobileNetV3 : public LinearHeadNetwork {
  public:
    MobileNetV3(const std::vector<Row>& rows, std::int64_t hidden, std::int64_t classes) {
        auto features = register_module("features", std::make_shared<torch::nn::Module>());
        const auto add = [&](const std::shared_ptr<detail::Block>& block) {
            const auto number = std::to_string(stages().size());
            features->register_module(number, block);
            add_stage("features." + number,
                      [block](torch::Tensor x) { return block->forward(std::move(x)); });
        };
        std::int64_t in = 16;
        add(detail::conv_norm(
            {.in = 3, .out = in, .kernel = 3, .stride = 2, .activation = hs, .norm = norm}));
        for (const auto& row : rows) {
            add(std::make_shared<detail::MobileBlock>(detail::MobileBlockOptions{
                .in = in,
                .out = row.out,
                .expanded = row.expanded,
                .kernel = row.kernel,
                .stride = row.stride,
                .squeezed = row.squeezes ? detail::multiple_of_8(static_cast<double>(row.expanded / 4)) : 0,
                .gate = Activation::hardsigmoid,
                .activation = row.activation,
                .norm = norm}));
            in = row.out;
        }
        add(detail::conv_norm({.in = in, .out = 6 * in, .activation = hs, .norm = norm}));
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        auto classifier = register_module("classifier", std::make_shared<torch::nn::Module>());
        auto linear = classifier->register_module("0", detail::make_linear(6 * in, hidden));
        add_stage("classifier.1",
                  [linear](torch::Tensor x) mutable { return detail::activate(linear->forward(x), hs); },
                  {"classifier.0."});
        detail::initialise_kaiming_fan_out(*features);
        if (detail::initialises()) initialise_linear(*linear);
        add_head("classifier.3", hidden, classes,
                 {.initialise = initialise_linear, .dropout = 0.2, .dropout_name = "2"});
    }

  private:
    static void initialise_linear(torch::nn::LinearImpl& linear) { detail::initialise_normal(linear, 0.01); }
};

}  // namespace

NetworkPtr mobilenet_v3_large(std::int64_t classes) {
    return std::make_shared<MobileNetV3>(large_rows(), 1280, classes);
}

NetworkPtr mobilenet_v3_small(std::int64_t classes) {
    return std::make_shared<MobileNetV3>(small_rows(), 1024, classes);
}

}  // namespace attune
