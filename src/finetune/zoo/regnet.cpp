#include "attune/finetune/zoo/regnet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "layers.hpp"

namespace attune {
namespace {

using detail::Activation;
using detail::conv_norm;

struct Group {
    std::int64_t width = 0;
    int blocks = 0;
    std::int64_t group_width = 0;
};

/// The widths of the blocks follow a line, are rounded to powers of `step` and then to multiples of 8
/// (equations 2 to 4 of the paper), and at last to what the groups divide. Rounding is to even, as in the
/// reference.
std::vector<Group> groups_of(const RegNetOptions& options) {
    std::vector<Group> result;
    for (int block = 0; block < options.depth; ++block) {
        // torch counts in single precision here, and the widths must be the reference's.
        const auto initial = static_cast<float>(options.initial_width);
        const auto line = static_cast<float>(block) * static_cast<float>(options.slope) + initial;
        const auto power =
            std::nearbyint(std::log(line / initial) / static_cast<float>(std::log(options.step)));
        const auto exact = initial * std::pow(static_cast<float>(options.step), power);
        const auto width = static_cast<std::int64_t>(std::nearbyint(exact / 8)) * 8;
        if (result.empty() || result.back().width != width) result.push_back({width, 0, 0});
        ++result.back().blocks;
    }
    for (auto& group : result) {
        group.group_width = std::min(options.group_width, group.width);
        const auto unit = group.group_width;
        const auto nearest = std::max(unit, (group.width + unit / 2) / unit * unit);
        group.width = 10 * nearest < 9 * group.width ? nearest + unit : nearest;
    }
    return result;
}

/// 1 x 1, 3 x 3 in groups, 1 x 1, beside a shortcut.
class RegNetBlock : public detail::Block {
  public:
    RegNetBlock(std::int64_t in, std::int64_t out, std::int64_t stride, std::int64_t group_width,
                double squeeze) {
        if (in != out || stride != 1)
            shortcut_ = register_module("proj", conv_norm({.in = in, .out = out, .stride = stride}));
        f_ = register_module("f", std::make_shared<detail::Sequence>());
        f_->add("a", conv_norm({.in = in, .out = out, .activation = Activation::relu}));
        f_->add("b", conv_norm({.in = out,
                                .out = out,
                                .kernel = 3,
                                .stride = stride,
                                .groups = out / group_width,
                                .activation = Activation::relu}));
        if (squeeze > 0)
            f_->add("se",
                    std::make_shared<detail::SqueezeExcitation>(
                        out, static_cast<std::int64_t>(std::nearbyint(squeeze * static_cast<double>(in))),
                        Activation::relu));
        f_->add("c", conv_norm({.in = out, .out = out}));
    }

    torch::Tensor forward(torch::Tensor x) override {
        auto y = f_->forward(x);
        return detail::rectify(y.add_(shortcut_ ? shortcut_->forward(std::move(x)) : x));
    }

  private:
    std::shared_ptr<detail::ConvNormChain> shortcut_;
    std::shared_ptr<detail::Sequence> f_;
};

class RegNet : public LinearHeadNetwork {
  public:
    RegNet(const RegNetOptions& options, std::int64_t classes) {
        std::int64_t in = 32;
        auto stem = register_module(
            "stem",
            conv_norm({.in = 3, .out = in, .kernel = 3, .stride = 2, .activation = Activation::relu}));
        add_stage("stem", [stem](torch::Tensor x) { return stem->forward(std::move(x)); });
        auto trunk = register_module("trunk_output", std::make_shared<torch::nn::Module>());
        int number = 0;
        for (const auto& group : groups_of(options)) {
            const auto group_name = fmt::format("block{}", ++number);
            auto container = trunk->register_module(group_name, std::make_shared<torch::nn::Module>());
            for (int i = 0; i < group.blocks; ++i) {
                const auto name = fmt::format("block{}-{}", number, i);
                const auto block = container->register_module(
                    name, std::make_shared<RegNetBlock>(in, group.width, i == 0 ? 2 : 1, group.group_width,
                                                        options.squeeze));
                add_stage(fmt::format("trunk_output.{}.{}", group_name, name),
                          [block](torch::Tensor x) { return block->forward(std::move(x)); });
                in = group.width;
            }
        }
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        initialise();
        add_head("fc", in, classes,
                 {.initialise = [](auto& head) { detail::initialise_normal(head, 0.01); }});
    }

  private:
    /// Normal by fan-out, of which the reference counts all groups' channels. The biases of the
    /// squeeze-and-excitations are torch's.
    void initialise() {
        detail::initialise_as_torch(*this);
        if (!detail::initialises()) return;
        torch::NoGradGuard no_grad;
        for (const auto& module : modules(/*include_self=*/false))
            if (auto* conv = module->as<torch::nn::Conv2d>()) {
                const auto fan_out = conv->weight.size(0) * conv->weight.size(2) * conv->weight.size(3);
                conv->weight.normal_(0, std::sqrt(2 / static_cast<double>(fan_out)));
            }
    }
};

}  // namespace

void RegNetOptions::validate() const {
    if (depth < 1 || depth > 1000)
        throw InvalidOption(fmt::format("depth of a RegNet is {}; it must be 1 to 1000", depth));
    if (initial_width < 8 || initial_width % 8 != 0 || initial_width > 1 << 16)
        throw InvalidOption(
            fmt::format("initial_width of a RegNet is {}; it must be a multiple of 8", initial_width));
    if (!(slope >= 0 && slope < 1e4))
        throw InvalidOption(fmt::format("slope of a RegNet is {}; it must be at least 0", slope));
    if (!(step > 1 && step < 100))
        throw InvalidOption(fmt::format("step of a RegNet is {}; it must be above 1", step));
    if (group_width < 1)
        throw InvalidOption(fmt::format("group_width of a RegNet is {}; it must be at least 1", group_width));
    if (!(squeeze >= 0 && squeeze <= 1))
        throw InvalidOption(fmt::format("squeeze of a RegNet is {}; it must lie in [0, 1]", squeeze));
}

NetworkPtr regnet(const RegNetOptions& options, std::int64_t classes) {
    options.validate();
    return std::make_shared<RegNet>(options, classes);
}

}  // namespace attune
