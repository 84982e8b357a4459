#include "attune/files/weights_manifest.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "attune/files/safetensors.hpp"
#include "attune/files/sha256.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;
using nlohmann::json;

namespace {

std::string sha256_of(const std::string& text) {
    Sha256 hash;
    hash.add(std::as_bytes(std::span(text)));
    return hash.hexadecimal();
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A folder with one weights file and a manifest for it.
struct Sample {
    TemporaryFolder folder;
    std::filesystem::path manifest = folder.path() / "weights.json";

    Sample() {
        TensorFile file;
        file.tensors.emplace_back("w", TensorData{DType::u8, {1}, {std::byte{7}}});
        write_safetensors(folder.path() / "net.safetensors", file);
        auto record = describe_weights(folder.path(), "net.safetensors");
        record.licence = "MIT";
        record.source = "made here";
        record.model = "resnet20";
        record.preprocessing = WeightsPreprocessing{.image_size = 32};
        WeightsManifest(folder.path(), {record}).write("weights.json");
    }

    /// The message for the manifest after `spoil` changed its JSON.
    template <typename Spoil>
    std::string error(Spoil spoil) const {
        auto document = json::parse(read_text(manifest));
        spoil(document);
        const auto other = folder.path() / "other.json";
        write_text(other, document.dump());
        const auto message = error_of([&] { (void)WeightsManifest::read(other); });
        CHECK(message.starts_with(other.string()));
        return message;
    }
};

}  // namespace

TEST_CASE("SHA-256 gives the standard's examples, however the bytes come") {
    CHECK(sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(sha256_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(sha256_of(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    for (std::size_t length = 50; length < 140; ++length) {
        const std::string text(length, 'x');
        Sha256 hash;
        for (const auto& byte : std::as_bytes(std::span(text))) hash.add({&byte, 1});
        CHECK(hash.hexadecimal() == sha256_of(text));
    }
}

TEST_CASE("a manifest finds, verifies and loads its files") {
    const Sample sample;
    const auto manifest = WeightsManifest::read(sample.manifest);
    REQUIRE(manifest.records().size() == 1);
    const auto& record = manifest.record("resnet20");
    CHECK(record.path == "net.safetensors");
    CHECK(record.licence == "MIT");
    REQUIRE(record.preprocessing.has_value());
    CHECK(record.preprocessing->image_size == 32);
    CHECK(record.sha256 == sha256_of_file(sample.folder.path() / "net.safetensors"));
    CHECK(manifest.load("net.safetensors").find("w") != nullptr);
    CHECK(holds(error_of([&] { (void)manifest.record("vgg11"); }), "net.safetensors (resnet20)"));
}

TEST_CASE("every load verifies size and hash") {
    const Sample sample;
    const auto manifest = WeightsManifest::read(sample.manifest);
    const auto path = sample.folder.path() / "net.safetensors";
    auto bytes = read_text(path);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_text(path, bytes);
    CHECK(holds(error_of([&] { (void)manifest.load("resnet20"); }), "SHA-256"));
    write_text(path, bytes + "x");
    CHECK(holds(error_of([&] { (void)manifest.load("resnet20"); }), "its manifest says"));
    std::filesystem::remove(path);
    CHECK(holds(error_of([&] { (void)manifest.load("resnet20"); }), "cannot be opened"));
}

TEST_CASE("the files that an index names are verified with it") {
    const TemporaryFolder folder;
    const auto at = [&](const std::string& name) { return folder.path() / name; };
    for (const char* name : {"a", "b"}) {
        TensorFile file;
        file.tensors.emplace_back(name, TensorData{DType::u8, {1}, {std::byte{7}}});
        write_safetensors(at(std::string(name) + ".safetensors"), file);
    }
    write_text(at("net.index.json"), R"({"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}})");
    const auto described = describe_weights(folder.path(), "net.index.json");
    REQUIRE(described.shards.size() == 2);
    CHECK_FALSE(described.preprocessing.has_value());
    CHECK(described.shards[1].name == "b.safetensors");
    CHECK(described.shards[1].sha256 == sha256_of_file(at("b.safetensors")));
    WeightsManifest(folder.path(), {described}).write("weights.json");
    const auto manifest = WeightsManifest::read(at("weights.json"));
    CHECK(manifest.load("net.index.json").find("b") != nullptr);

    auto bytes = read_text(at("b.safetensors"));
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_text(at("b.safetensors"), bytes);
    const auto message = error_of([&] { (void)manifest.load("net.index.json"); });
    CHECK(message.starts_with(at("b.safetensors").string()));
    CHECK(holds(message, "SHA-256"));
    auto lacking = described;
    lacking.shards.pop_back();
    CHECK(holds(error_of([&] { WeightsManifest(folder.path(), {lacking}).verify(lacking); }),
                "names the file 'b.safetensors', which its manifest lacks"));
}

TEST_CASE("entries get the zoo's names where the manifest says whose names they have") {
    const TemporaryFolder folder;
    TensorFile file;
    file.tensors.emplace_back("blocks.3.attn.qkv.bias", TensorData{DType::u8, {1}, {std::byte{7}}});
    write_safetensors(folder.path() / "net.safetensors", file);
    auto record = describe_weights(folder.path(), "net.safetensors");
    record.names = "timm";
    const auto load = [&](const std::string& model) {
        record.model = model;
        return WeightsManifest(folder.path(), {record}).load("net.safetensors");
    };
    CHECK(load("vit_b_16").find("encoder.layers.encoder_layer_3.self_attention.in_proj_bias") != nullptr);
    CHECK(holds(error_of([&] { (void)load("resnet50"); }), "no map to the model 'resnet50'"));
    CHECK(holds(error_of([&] { (void)load("convnext_tiny"); }), "no names of 'timm'"));
}

TEST_CASE("a manifest that breaks a rule is refused, with path, entry and rule") {
    const Sample sample;
    CHECK(holds(sample.error([](json& j) { j["attune_weights"] = 2; }), "version 2"));
    CHECK(holds(sample.error([](json& j) { j["extra"] = 1; }), "unknown key extra"));
    CHECK(holds(sample.error([](json& j) { j["files"] = 1; }), "list called files"));
    CHECK(holds(sample.error([](json& j) { j["files"][0].erase("licence"); }),
                "entry 1: lacks the key licence"));
    CHECK(holds(sample.error([](json& j) { j["files"][0]["bytes"] = -1; }), "for bytes the value -1"));
    CHECK(holds(sample.error([](json& j) { j["files"][0]["path"] = "../net"; }),
                "below the manifest's folder"));
    CHECK(
        holds(sample.error([](json& j) { j["files"][0]["path"] = "/net"; }), "below the manifest's folder"));
    CHECK(holds(sample.error([](json& j) { j["files"][0]["sha256"] = "AB"; }), "64 hexadecimal digits"));
    CHECK(holds(sample.error([](json& j) {
        j["files"][0]["shards"] = {{{"name", "x"}, {"sha256", "AB"}, {"bytes", 1}}};
    }),
                "a shard: has the SHA-256 'AB'"));
    CHECK(holds(sample.error([](json& j) { j["files"][0]["shards"] = 1; }), "shards that are no list"));
    CHECK(holds(sample.error([](json& j) {
        j["files"][0]["shards"] = {{{"name", "x"}}};
    }),
                "shard 1: lacks the key sha256"));
    CHECK(holds(sample.error([](json& j) { j["files"].push_back(j["files"][0]); }), "listed twice"));
    CHECK(holds(sample.error([](json& j) { j["files"][0]["preprocessing"]["mean"] = {1, 2}; }), "mean"));
    CHECK(holds(sample.error([](json& j) { j["files"][0]["preprocessing"]["std"] = {1, 0, 1}; }), "above 0"));
    CHECK(
        holds(sample.error([](json& j) { j["files"][0]["preprocessing"]["image_size"] = 0; }), "image_size"));
    write_text(sample.manifest, std::string(100'000, '['));
    CHECK(holds(error_of([&] { (void)WeightsManifest::read(sample.manifest); }), "nested deeper"));
    write_text(sample.manifest, "{");
    CHECK(holds(error_of([&] { (void)WeightsManifest::read(sample.manifest); }), "no valid JSON"));
}
