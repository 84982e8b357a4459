#include "attune/files/sharded_safetensors.hpp"

#include <doctest/doctest.h>

#include "attune/files/safetensors.hpp"
#include "attune/files/weights.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

TensorFile file_with(const std::vector<std::string>& names) {
    TensorFile file;
    for (const auto& name : names)
        file.tensors.emplace_back(name, TensorData{DType::u8, {1}, {static_cast<std::byte>(name.size())}});
    return file;
}

std::string error_for(const std::filesystem::path& index, const std::string& text) {
    write_text(index, text);
    const auto message = error_of([&] { (void)read_weights(index); });
    CHECK(message.starts_with(index.string()));
    return message;
}

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the files of an index are read as one") {
    const TemporaryFolder folder;
    write_safetensors(folder.path() / "m-1.safetensors", file_with({"conv.weight", "fc.bias"}));
    write_safetensors(folder.path() / "m-2.safetensors", file_with({"fc.weight"}));
    const auto index = folder.path() / "m.safetensors.index.json";
    write_text(index, R"({"metadata": {"total_size": 3, "author": "x"}, "weight_map": {
        "fc.weight": "m-2.safetensors", "conv.weight": "m-1.safetensors", "fc.bias": "m-1.safetensors"}})");
    const auto file = read_weights(index);
    REQUIRE(file.tensors.size() == 3);
    CHECK(file.find("fc.weight")->bytes == std::vector<std::byte>{std::byte{9}});
    CHECK(file.metadata.at("total_size") == "3");
    CHECK(file.metadata.at("author") == "x");
}

TEST_CASE("an index that breaks a rule is refused, with path and rule") {
    const TemporaryFolder folder;
    write_safetensors(folder.path() / "a.safetensors", file_with({"w", "v"}));
    const auto index = folder.path() / "index.json";
    CHECK(holds(error_for(index, R"({"weight_map": {"w": "a.safetensors"}})"),
                "does not name the tensor \"v\""));
    CHECK(holds(error_for(index, R"({"weight_map": {"w": "a.safetensors", "v": "a.safetensors",
                                     "x": "a.safetensors"}})"),
                "\"x\" in a.safetensors, which does not hold it"));
    for (const char* file : {"\"../a.safetensors\"", "\"/etc/passwd\"", "\"\"", "\"..\"", "7", "\"b\\\\c\""})
        CHECK(holds(error_for(index, std::string(R"({"weight_map": {"w": )") + file + "}}"), "own folder"));
    CHECK(holds(error_for(index, R"({"weight_map": []})"), "weight_map"));
    CHECK(holds(error_for(index, R"({"weight_map")"), "weight_map"));
    CHECK(holds(error_for(index, "{\"weight_map\": " + std::string(5000, '[') + "}"), "nested deeper"));
    write_text(index, R"({"weight_map": {"w": "gone.safetensors"}})");
    CHECK(holds(error_of([&] { (void)read_weights(index); }), "gone.safetensors: cannot be opened"));
}

TEST_CASE("a mapped file shows what a read one holds") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.safetensors";
    auto file = file_with({"w", "layer.bias"});
    file.metadata["format"] = "pt";
    write_safetensors(path, file);
    const MappedSafetensors mapped(path);
    CHECK(mapped.metadata() == file.metadata);
    REQUIRE(mapped.tensors().size() == 2);
    for (const auto& tensor : mapped.tensors()) {
        const auto* expected = file.find(tensor.name);
        REQUIRE(expected != nullptr);
        CHECK(tensor.shape == expected->shape);
        CHECK(std::equal(tensor.bytes.begin(), tensor.bytes.end(), expected->bytes.begin(),
                         expected->bytes.end()));
    }
    write_text(path, little(std::uint64_t{1} << 60, 8) + "{}");
    CHECK(
        holds(error_of([&] { const MappedSafetensors broken(path); }), "header length 1152921504606846976"));
}
