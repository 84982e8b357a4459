#include "attune/files/name_map.hpp"

#include <doctest/doctest.h>

#include "sample_files.hpp"

using namespace attune;
using namespace attune::test;

namespace {

std::string mapped(const NameMap& map, const std::string& name) {
    const auto result = map.apply(name);
    return result ? result->first : "";
}

TensorFile file_with(const std::vector<std::string>& names) {
    TensorFile file;
    for (const auto& name : names)
        file.tensors.emplace_back(name, TensorData{DType::u8, {2}, std::vector<std::byte>(2)});
    return file;
}

}  // namespace

TEST_CASE("rules capture numbers and rests, and the first that fits counts") {
    const NameMap map({{"stages.{s}.blocks.{b}.gamma", "features.{2s+1}.{b}.scale", 2},
                       {"stages.{s}.blocks.{b}.*", "features.{2s+1}.{b}.block.*"},
                       {"stages.{s}.*", "features.{2s}.*"},
                       {"b{b}.*", "block-{b-1}.*"},
                       {"head.*", "fc.*"},
                       {"token", "class_token"}});
    CHECK(mapped(map, "stages.3.blocks.11.gamma") == "features.7.11.scale");
    CHECK(mapped(map, "stages.0.blocks.2.norm.weight") == "features.1.2.block.norm.weight");
    CHECK(mapped(map, "stages.2.down.bias") == "features.4.down.bias");
    CHECK(mapped(map, "b10.w") == "block-9.w");
    CHECK(mapped(map, "head.weight") == "fc.weight");
    CHECK(mapped(map, "token") == "class_token");
    for (const char* other : {"token2", "tokens", "toke", "head", "stages.x.w", "stages..w", "b.w", ""})
        CHECK_FALSE(map.apply(other).has_value());
    // A number that fits no integer is no number.
    CHECK_FALSE(map.apply("b99999999999999999999999.w").has_value());
    // Nor is one that no network counts to: twice the largest long would be no long.
    CHECK_FALSE(map.apply("stages.9223372036854775807.down.bias").has_value());
    CHECK_FALSE(map.apply("stages.1000001.down.bias").has_value());
    CHECK(mapped(map, "stages.1000000.blocks.0.gamma") == "features.2000001.0.scale");
}

TEST_CASE("rules that are written wrongly are refused") {
    using Rules = std::vector<NameMap::Rule>;
    for (const auto& rule : Rules{{"", "a"},
                                  {"a", ""},
                                  {"a.*", "b"},
                                  {"a", "b.*"},
                                  {"*.a", "b.*"},
                                  {"a{", "b"},
                                  {"a{1}", "b"},
                                  {"a{x", "b"},
                                  {"a{x}", "b{y}"},
                                  {"a{x}", "b{x"},
                                  {"a{x}", "b{x*2}"},
                                  {"a{x}", "b{9223372036854775807x}"},
                                  {"a{x}", "b{99999999999999999999x}"},
                                  {"a{x}", "b{x-9223372036854775807}"},
                                  {"a{x}", "b{}"}})
        CHECK_THROWS_AS(NameMap({rule}), InvalidOption);
}

TEST_CASE("files are renamed as a whole, and shapes with them") {
    const NameMap map({{"gamma", "scale", 2}, {"head.*", "fc.*", -1}});
    auto file = file_with({"gamma", "other"});
    CHECK_FALSE(map.fits(file));
    auto renamed = map.rename(file);
    CHECK(renamed.tensors[0].first == "scale");
    CHECK(renamed.tensors[0].second.shape == std::vector<std::int64_t>{2, 1, 1});
    CHECK(renamed.tensors[1].first == "other");
    CHECK_THROWS_AS(static_cast<void>(map.rename(file_with({"head.weight"}))), FileError);
}

TEST_CASE("maps are found by library and network, and applied where they fit") {
    CHECK(name_map("timm", "vit_b_16").has_value());
    CHECK(name_map("timm", "swin_t").has_value());
    CHECK_FALSE(name_map("timm", "swin_v2_t").has_value());
    CHECK_FALSE(name_map("timm", "resnet50").has_value());
    CHECK_FALSE(name_map("nowhere", "vit_b_16").has_value());
    const auto legacy =
        with_zoo_names(file_with({"features.denseblock2.denselayer11.norm.1.weight"}), "densenet121");
    CHECK(legacy.tensors[0].first == "features.denseblock2.denselayer11.norm1.weight");
    const auto timm = with_zoo_names(file_with({"cls_token", "blocks.3.attn.qkv.bias"}), "vit_b_16");
    CHECK(timm.tensors[0].first == "class_token");
    CHECK(timm.tensors[1].first == "encoder.layers.encoder_layer_3.self_attention.in_proj_bias");
    const auto plain = with_zoo_names(file_with({"class_token", "heads.head.bias"}), "vit_b_16");
    CHECK(plain.tensors[0].first == "class_token");
    CHECK(with_zoo_names(file_with({"unknown"}), "vit_b_16").tensors[0].first == "unknown");
}
