#include "attune/finetune/zoo/vit.hpp"

#include <torch/nn/init.h>

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "attune/error.hpp"
#include "attune/finetune/matrix_holder.hpp"
#include "attune/finetune/zoo/staged_network.hpp"
#include "position_grid.hpp"
#include "transformer_layers.hpp"

namespace attune {
namespace {

constexpr double eps = 1e-6;

/// Attention of all tokens to all, with the names of torch.nn.MultiheadAttention.
class SelfAttention : public detail::Block, public MatrixHolder {
  public:
    SelfAttention(std::int64_t width, std::int64_t heads)
        : heads_(heads),
          weight_(register_parameter("in_proj_weight", torch::empty({3 * width, width}))),
          bias_(register_parameter("in_proj_bias", torch::zeros({3 * width}))),
          project_(register_module("out_proj", detail::make_linear(width, width))) {
        if (!detail::initialises()) return;
        torch::nn::init::xavier_uniform_(weight_);
        project_->reset_parameters();
        torch::nn::init::zeros_(project_->bias);
    }

    torch::Tensor forward(torch::Tensor x) override {
        const auto [q, k, v] = detail::split_heads(torch::linear(x, weight_, bias_), heads_);
        const double scale = 1 / std::sqrt(static_cast<double>(q.size(-1)));
        return project_->forward(detail::join_heads(detail::attend(q, k, v, scale)));
    }

    [[nodiscard]] std::string matrix_name() const override { return "in_proj_weight"; }
    [[nodiscard]] torch::Tensor& matrix() override { return weight_; }

  private:
    std::int64_t heads_;
    torch::Tensor weight_, bias_;
    torch::nn::Linear project_;
};

class EncoderLayer : public detail::Block {
  public:
    explicit EncoderLayer(const ViTOptions& options)
        : norm1_(register_module("ln_1", detail::make_layer_norm(options.width, eps))),
          attention_(register_module("self_attention",
                                     std::make_shared<SelfAttention>(options.width, options.heads))),
          norm2_(register_module("ln_2", detail::make_layer_norm(options.width, eps))),
          perceptron_(
              register_module("mlp", std::make_shared<detail::Perceptron>(options.width, options.hidden))) {
        if (!detail::initialises()) return;
        for (const auto& module : perceptron_->modules(/*include_self=*/false))
            if (auto* linear = module->as<torch::nn::Linear>()) {
                torch::nn::init::xavier_uniform_(linear->weight);
                torch::nn::init::normal_(linear->bias, 0, 1e-6);
            }
    }

    torch::Tensor forward(torch::Tensor x) override {
        x = x + attention_->forward(norm1_->forward(x));
        return x + perceptron_->forward(norm2_->forward(x));
    }

  private:
    torch::nn::LayerNorm norm1_;
    std::shared_ptr<SelfAttention> attention_;
    torch::nn::LayerNorm norm2_;
    std::shared_ptr<detail::Perceptron> perceptron_;
};

void initialise_head(torch::nn::LinearImpl& head) {
    torch::nn::init::zeros_(head.weight);
    torch::nn::init::zeros_(head.bias);
}

class ViT : public LinearHeadNetwork {
  public:
    ViT(const ViTOptions& options, std::int64_t classes) : options_(options) {
        const auto side = options.image_size / options.patch;
        class_token_ = register_parameter("class_token", torch::zeros({1, 1, options.width}));
        embed_ = register_module(
            "conv_proj",
            detail::make_conv(
                torch::nn::Conv2dOptions(3, options.width, options.patch).stride(options.patch)));
        auto encoder = register_module("encoder", std::make_shared<torch::nn::Module>());
        positions_ =
            encoder->register_parameter("pos_embedding", torch::empty({1, side * side + 1, options.width}));
        initialise();
        add_stage("embedding", [this](torch::Tensor x) { return embed(x); },
                  {"class_token", "conv_proj.", "encoder.pos_embedding"});
        auto layers = encoder->register_module("layers", std::make_shared<torch::nn::Module>());
        for (int i = 0; i < options.layers; ++i) {
            const auto name = "encoder_layer_" + std::to_string(i);
            const auto layer = layers->register_module(name, std::make_shared<EncoderLayer>(options));
            add_stage("encoder.layers." + name,
                      [layer](torch::Tensor x) { return layer->forward(std::move(x)); });
        }
        auto norm = encoder->register_module("ln", detail::make_layer_norm(options.width, eps));
        // The norm looks at each token by itself: the one that goes on is enough.
        add_stage("encoder.ln", [norm](torch::Tensor x) mutable { return norm->forward(x.select(1, 0)); });
        add_head("heads.head", options.width, classes, {.initialise = initialise_head});
    }

    void set_image_size(std::int64_t side) override {
        if (side < options_.patch || side % options_.patch != 0)
            throw InvalidOption(fmt::format(
                "image size is {0} x {0}; this vision transformer takes multiples of its patch of {1} pixels",
                side, options_.patch));
        const auto places = side / options_.patch;
        if (places * places + 1 != positions_.size(1)) {
            positions_.mutable_grad().reset();
            positions_.set_data(detail::resized_positions(positions_, places));
        }
        input.image_size = side;
        input.minimum_size = side;
    }

  private:
    torch::Tensor embed(const torch::Tensor& images) {
        const auto patches = embed_->forward(images).flatten(2).transpose(1, 2);
        const auto tokens = torch::cat({class_token_.expand({images.size(0), -1, -1}), patches}, 1);
        return tokens + positions_;
    }

    void initialise() {
        if (!detail::initialises()) return;
        torch::NoGradGuard no_grad;
        detail::truncated_normal(embed_->weight,
                                 std::sqrt(1 / static_cast<double>(3 * options_.patch * options_.patch)));
        embed_->bias.zero_();
        positions_.normal_(0, 0.02);
    }

    ViTOptions options_;
    torch::Tensor class_token_, positions_;
    torch::nn::Conv2d embed_{nullptr};
};

}  // namespace

void ViTOptions::validate() const {
    if (layers < 1 || heads < 1 || hidden < 1)
        throw InvalidOption(fmt::format(
            "a vision transformer has {} layers, {} heads and a hidden width of {}; each must be at least 1",
            layers, heads, hidden));
    if (patch < 1 || image_size < patch || image_size % patch != 0)
        throw InvalidOption(
            fmt::format("image_size of a vision transformer is {}; it must be a multiple of the patch of {}",
                        image_size, patch));
    if (width < 1 || width % heads != 0)
        throw InvalidOption(fmt::format(
            "width of a vision transformer is {}; it must be a multiple of its {} heads", width, heads));
}

NetworkPtr vit(const ViTOptions& options, std::int64_t classes) {
    options.validate();
    auto network = std::make_shared<ViT>(options, classes);
    network->input.image_size = options.image_size;
    network->input.minimum_size = options.image_size;
    network->input.fixed_size = true;
    return network;
}

}  // namespace attune
