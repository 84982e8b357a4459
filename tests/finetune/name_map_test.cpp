#include "support/doctest_torch.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "attune/files/name_map.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/recognise.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

using namespace attune;

namespace {

using Names = std::vector<std::string>;

void add(Names& names, const std::string& layer, const Names& kinds = {"weight", "bias"}) {
    for (const auto& kind : kinds) names.push_back(layer + "." + kind);
}

const Names norm{"weight", "bias", "running_mean", "running_var"};
const Names no_bias{"weight"};

// The names that timm has for networks of these families.

Names timm_vit(int layers) {
    Names names{"cls_token", "pos_embed"};
    for (int i = 0; i < layers; ++i)
        for (const char* layer : {"norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"})
            add(names, fmt::format("blocks.{}.{}", i, layer));
    for (const char* layer : {"patch_embed.proj", "norm", "head"}) add(names, layer);
    return names;
}

Names timm_convnext(const std::vector<int>& blocks) {
    Names names;
    for (const char* layer : {"stem.0", "stem.1", "head.norm", "head.fc"}) add(names, layer);
    for (std::size_t s = 0; s < blocks.size(); ++s) {
        for (int i = 0; s > 0 && i < 2; ++i) add(names, fmt::format("stages.{}.downsample.{}", s, i));
        for (int b = 0; b < blocks[s]; ++b) {
            names.push_back(fmt::format("stages.{}.blocks.{}.gamma", s, b));
            for (const char* layer : {"conv_dw", "norm", "mlp.fc1", "mlp.fc2"})
                add(names, fmt::format("stages.{}.blocks.{}.{}", s, b, layer));
        }
    }
    return names;
}

Names timm_swin(const std::vector<int>& blocks) {
    Names names;
    for (const char* layer : {"patch_embed.proj", "patch_embed.norm", "norm", "head.fc"}) add(names, layer);
    for (std::size_t s = 0; s < blocks.size(); ++s) {
        if (s > 0) {
            add(names, fmt::format("layers.{}.downsample.norm", s));
            add(names, fmt::format("layers.{}.downsample.reduction", s), no_bias);
        }
        for (int b = 0; b < blocks[s]; ++b) {
            names.push_back(fmt::format("layers.{}.blocks.{}.attn.relative_position_bias_table", s, b));
            for (const char* layer : {"norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"})
                add(names, fmt::format("layers.{}.blocks.{}.{}", s, b, layer));
        }
    }
    return names;
}

/// Of the builder that timm has for all mobile networks; `squeezes` for EfficientNet.
Names timm_mobile(const std::vector<int>& blocks, bool squeezes) {
    Names names;
    add(names, "conv_stem", no_bias);
    add(names, "bn1", norm);
    add(names, "conv_head", no_bias);
    add(names, "bn2", norm);
    add(names, "classifier");
    for (std::size_t s = 0; s < blocks.size(); ++s)
        for (int b = 0; b < blocks[s]; ++b) {
            const auto block = fmt::format("blocks.{}.{}.", s, b);
            const auto convolutions =
                s == 0 ? Names{"conv_dw", "conv_pw"} : Names{"conv_pw", "conv_dw", "conv_pwl"};
            for (std::size_t i = 0; i < convolutions.size(); ++i) {
                add(names, block + convolutions[i], no_bias);
                add(names, fmt::format("{}bn{}", block, i + 1), norm);
            }
            if (!squeezes) continue;
            add(names, block + "se.conv_reduce");
            add(names, block + "se.conv_expand");
        }
    return names;
}

Names timm_regnet(const std::vector<int>& blocks) {
    Names names;
    add(names, "stem.conv", no_bias);
    add(names, "stem.bn", norm);
    add(names, "head.fc");
    for (std::size_t s = 0; s < blocks.size(); ++s)
        for (int b = 1; b <= blocks[s]; ++b) {
            const auto block = fmt::format("s{}.b{}.", s + 1, b);
            for (const char* layer : {"conv1", "conv2", "conv3", "downsample"}) {
                if (b > 1 && std::string(layer) == "downsample") continue;
                add(names, block + layer + ".conv", no_bias);
                add(names, block + layer + ".bn", norm);
            }
            add(names, block + "se.fc1");
            add(names, block + "se.fc2");
        }
    return names;
}

/// Every name must become one of the network's, and every one of those must come.
void check_map(const std::string& model, const Names& names) {
    INFO(model);
    const auto map = name_map("timm", model);
    REQUIRE(map.has_value());
    std::set<std::string> missing;
    for (const auto& [name, tensor] : named_state(*ModelZoo::standard().make_unset(model, 1000)))
        if (!name.ends_with("num_batches_tracked") && !name.ends_with("relative_position_index"))
            missing.insert(name);
    for (const auto& name : names) {
        INFO(name);
        const auto mapped = map->apply(name);
        REQUIRE(mapped.has_value());
        CHECK(missing.erase(mapped->first) == 1);
    }
    CHECK(missing.empty());
}

}  // namespace

TEST_CASE("timm's names become the zoo's, all of them") {
    check_map("vit_b_16", timm_vit(12));
    check_map("convnext_tiny", timm_convnext({3, 3, 9, 3}));
    check_map("swin_t", timm_swin({2, 2, 6, 2}));
    check_map("efficientnet_b0", timm_mobile({1, 2, 2, 3, 3, 4, 1}, true));
    check_map("mobilenet_v2", timm_mobile({1, 2, 3, 4, 3, 3, 1}, false));
    check_map("regnet_y_400mf", timm_regnet({1, 3, 6, 6}));
}

TEST_CASE("weights are recognised whichever library named their entries") {
    const auto network = ModelZoo::standard().make("mobilenet_v2", 1000);
    const TensorFile own = state_dict(*network);
    const auto map = name_map("timm", "mobilenet_v2");
    REQUIRE(map.has_value());
    TensorFile timm;
    for (const auto& name : timm_mobile({1, 2, 3, 4, 3, 3, 1}, false)) {
        const auto* tensor = own.find(map->apply(name)->first);
        REQUIRE(tensor != nullptr);
        timm.tensors.emplace_back(name, *tensor);
    }
    CHECK(nearest_model(timm).empty());
    for (const std::string named : {"", "mobilenet_v2"}) {
        const auto known = recognise_weights(timm, named);
        CHECK(known.model == "mobilenet_v2");
        const auto loaded = ModelZoo::standard().make_unset("mobilenet_v2", 1000);
        CHECK_NOTHROW(load_pretrained(*loaded, known.file, 1000));
        const auto same = loaded->named_parameters()["features.14.conv.1.0.weight"];
        CHECK(torch::equal(same, network->named_parameters()["features.14.conv.1.0.weight"]));
    }
    const auto ours = recognise_weights(own);
    CHECK(ours.model == "mobilenet_v2");
    CHECK(ours.file.tensors.front().first == own.tensors.front().first);
    TensorFile unknown;
    unknown.tensors.emplace_back("w", own.tensors.front().second);
    CHECK(recognise_weights(unknown).model.empty());
    CHECK(recognise_weights(unknown).file.tensors.front().first == "w");
}
