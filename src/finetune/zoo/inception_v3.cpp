#include "attune/finetune/zoo/inception_v3.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "attune/error.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "inception_layers.hpp"

namespace attune {
namespace {

using detail::named_conv;
using detail::oblong_conv;

torch::Tensor average(const torch::Tensor& x) { return torch::avg_pool2d(x, 3, 1, 1); }
torch::Tensor largest(const torch::Tensor& x) { return torch::max_pool2d(x, 3, 2); }

// The modules of figures 5, 6, 7 and 10 of the paper, with torchvision's letters.

class InceptionA : public detail::Branches {
  public:
    InceptionA(std::int64_t in, std::int64_t pooled) {
        add_branch({{"branch1x1", named_conv(in, 64, 1)}});
        add_branch({{"branch5x5_1", named_conv(in, 48, 1)}, {"branch5x5_2", named_conv(48, 64, 5, 1, 2)}});
        add_branch({{"branch3x3dbl_1", named_conv(in, 64, 1)},
                    {"branch3x3dbl_2", named_conv(64, 96, 3, 1, 1)},
                    {"branch3x3dbl_3", named_conv(96, 96, 3, 1, 1)}});
        add_branch({{"branch_pool", named_conv(in, pooled, 1)}}, average);
    }
};

class InceptionB : public detail::Branches {
  public:
    explicit InceptionB(std::int64_t in) {
        add_branch({{"branch3x3", named_conv(in, 384, 3, 2)}});
        add_branch({{"branch3x3dbl_1", named_conv(in, 64, 1)},
                    {"branch3x3dbl_2", named_conv(64, 96, 3, 1, 1)},
                    {"branch3x3dbl_3", named_conv(96, 96, 3, 2)}});
        add_branch(largest);
    }
};

class InceptionC : public detail::Branches {
  public:
    InceptionC(std::int64_t in, std::int64_t width) {
        add_branch({{"branch1x1", named_conv(in, 192, 1)}});
        add_branch({{"branch7x7_1", named_conv(in, width, 1)},
                    {"branch7x7_2", oblong_conv(width, width, 1, 7)},
                    {"branch7x7_3", oblong_conv(width, 192, 7, 1)}});
        add_branch({{"branch7x7dbl_1", named_conv(in, width, 1)},
                    {"branch7x7dbl_2", oblong_conv(width, width, 7, 1)},
                    {"branch7x7dbl_3", oblong_conv(width, width, 1, 7)},
                    {"branch7x7dbl_4", oblong_conv(width, width, 7, 1)},
                    {"branch7x7dbl_5", oblong_conv(width, 192, 1, 7)}});
        add_branch({{"branch_pool", named_conv(in, 192, 1)}}, average);
    }
};

class InceptionD : public detail::Branches {
  public:
    explicit InceptionD(std::int64_t in) {
        add_branch({{"branch3x3_1", named_conv(in, 192, 1)}, {"branch3x3_2", named_conv(192, 320, 3, 2)}});
        add_branch({{"branch7x7x3_1", named_conv(in, 192, 1)},
                    {"branch7x7x3_2", oblong_conv(192, 192, 1, 7)},
                    {"branch7x7x3_3", oblong_conv(192, 192, 7, 1)},
                    {"branch7x7x3_4", named_conv(192, 192, 3, 2)}});
        add_branch(largest);
    }
};

class InceptionE : public detail::Branches {
  public:
    explicit InceptionE(std::int64_t in) {
        add_branch({{"branch1x1", named_conv(in, 320, 1)}});
        add_forked({{"branch3x3_1", named_conv(in, 384, 1)}}, "branch3x3_2");
        add_forked(
            {{"branch3x3dbl_1", named_conv(in, 448, 1)}, {"branch3x3dbl_2", named_conv(448, 384, 3, 1, 1)}},
            "branch3x3dbl_3");
        add_branch({{"branch_pool", named_conv(in, 192, 1)}}, average);
    }

  private:
    /// Behind `trunk` a flat and a high convolution side by side, `fork` + "a" and "b".
    void add_forked(const std::vector<Named>& trunk, const std::string& fork) {
        for (const auto& [name, block] : trunk) register_module(name, block);
        auto flat = register_module(fork + "a", oblong_conv(384, 384, 1, 3));
        auto high = register_module(fork + "b", oblong_conv(384, 384, 3, 1));
        add_branch([trunk, flat, high](const torch::Tensor& x) {
            auto y = x;
            for (const auto& [name, block] : trunk) y = block->forward(std::move(y));
            return torch::cat({flat->forward(y), high->forward(y)}, 1);
        });
    }
};

/// torchvision leaves the biases to torch.
void initialise(torch::nn::LinearImpl& linear, double std) {
    linear.reset_parameters();
    detail::truncated_normal(linear.weight, std);
}

class InceptionV3 : public LinearHeadNetwork {
  public:
    explicit InceptionV3(std::int64_t classes) {
        add("Conv2d_1a_3x3", named_conv(3, 32, 3, 2));
        add("Conv2d_2a_3x3", named_conv(32, 32, 3));
        add("Conv2d_2b_3x3", named_conv(32, 64, 3, 1, 1));
        extend_last_stage([](torch::Tensor x) { return largest(x); });
        add("Conv2d_3b_1x1", named_conv(64, 80, 1));
        add("Conv2d_4a_3x3", named_conv(80, 192, 3));
        extend_last_stage([](torch::Tensor x) { return largest(x); });
        add("Mixed_5b", std::make_shared<InceptionA>(192, 32));
        add("Mixed_5c", std::make_shared<InceptionA>(256, 64));
        add("Mixed_5d", std::make_shared<InceptionA>(288, 64));
        add("Mixed_6a", std::make_shared<InceptionB>(288));
        add("Mixed_6b", std::make_shared<InceptionC>(768, 128));
        add("Mixed_6c", std::make_shared<InceptionC>(768, 160));
        add("Mixed_6d", std::make_shared<InceptionC>(768, 160));
        add("Mixed_6e", std::make_shared<InceptionC>(768, 192));
        const auto auxiliary = add_auxiliary(classes);
        add("Mixed_7a", std::make_shared<InceptionD>(768));
        add("Mixed_7b", std::make_shared<InceptionE>(1280));
        add("Mixed_7c", std::make_shared<InceptionE>(2048));
        extend_last_stage([](torch::Tensor x) { return detail::global_average(x); });
        detail::initialise_normal(*this, 0.1, /*truncated=*/true);
        detail::initialise_normal(*auxiliary, 0.01, /*truncated=*/true);
        add_head("fc", 2048, classes,
                 {.initialise = [](auto& head) { initialise(head, 0.1); }, .dropout = 0.5});
    }

  private:
    void add(const std::string& name, const std::shared_ptr<detail::Block>& block) {
        register_module(name, block);
        add_stage(name, [block](torch::Tensor x) { return block->forward(std::move(x)); });
    }

    /// Returns its wide convolution, which starts smaller than all others.
    std::shared_ptr<torch::nn::Module> add_auxiliary(std::int64_t classes) {
        auto module = std::make_shared<torch::nn::Module>();
        auto narrow = module->register_module("conv0", named_conv(768, 128, 1));
        auto wide = module->register_module("conv1", named_conv(128, 768, 5));
        add_auxiliary_head(
            {.name = "AuxLogits",
             .layer = "fc",
             .stage = stages().size() - 1,
             .module = module,
             .run =
                 [narrow, wide](torch::Tensor x) {
                     constexpr std::int64_t needed = 17;
                     if (x.size(2) < needed || x.size(3) < needed)
                         throw InvalidOption(fmt::format(
                             "the auxiliary head AuxLogits of Inception V3 sees a map of {} x {}; it needs "
                             "{} x {}, which images of 299 x 299 give (drop_auxiliary_heads() permits "
                             "smaller ones)",
                             x.size(2), x.size(3), needed, needed));
                     if (x.size(0) == 1 && wide->is_training())
                         throw InvalidOption(
                             "the auxiliary head AuxLogits of Inception V3 sees a single image; it needs two "
                             "to train, since its last map is one place, which has no batch statistics");
                     const auto y = narrow->forward(torch::avg_pool2d(x, 5, 3));
                     return detail::global_average(wide->forward(y));
                 },
             .features = 768,
             .loss_weight = 0.4,
             .initialise = [](auto& layer) { initialise(layer, 0.001); }},
            classes);
        return wide;
    }
};

}  // namespace

NetworkPtr inception_v3(std::int64_t classes) {
    auto network = std::make_shared<InceptionV3>(classes);
    network->input = {.image_size = 299, .minimum_size = 75};
    return network;
}

}  // namespace attune
