#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <set>

#include "attune/error.hpp"
#include "attune/files/weights.hpp"
#include "fixture_values.hpp"
#include "support/shared_data.hpp"

namespace fs = std::filesystem;
using attune::test::difference;
using nlohmann::json;

namespace {

json read_json(const fs::path& path) { return json::parse(std::ifstream(path)); }

std::string scalar_text(const json& value) {
    if (value.is_string()) return value.get<std::string>();
    return value.dump();
}

// Arrays and scalars of an expectation must stand under the dotted names that their nesting gives.
void check_nested(const attune::TensorFile& file, const json& expected, const std::string& name) {
    CAPTURE(name);
    if (attune::test::is_array_expectation(expected)) {
        const attune::TensorData* tensor = file.find(name);
        REQUIRE(tensor != nullptr);
        CHECK(difference(*tensor, expected) == "");
    } else if (expected.is_structured()) {
        for (const auto& [key, value] : expected.items())
            check_nested(file, value, name.empty() ? key : name + "." + key);
    } else {
        REQUIRE(file.metadata.contains(name));
        if (expected.is_number_float())
            CHECK(std::stod(file.metadata.at(name)) == expected.get<double>());
        else
            CHECK(file.metadata.at(name) == scalar_text(expected));
    }
}

// The generator's record of a checkpoint flattens some places; these are where torch's optimisers keep them.
void check_checkpoint(const attune::TensorFile& file, const json& expected) {
    for (const auto& [key, value] : expected.items()) {
        CAPTURE(key);
        if (key == "optimizer_param_groups0") {
            check_nested(file, value, "optimizer.param_groups.0");
        } else if (key == "optimizer_momentum_buffers") {
            for (const auto& [index, buffer] : value.items())
                check_nested(file, buffer, "optimizer.state." + index + ".momentum_buffer");
        } else if (key.starts_with("nested_")) {
            check_nested(file, value, "nested." + key.substr(7));
        } else {
            check_nested(file, value, key);
        }
    }
}

bool is_weights_file(const fs::path& path) {
    const std::string extension = path.extension().string();
    return extension == ".pth" || extension == ".pt" || extension == ".th" || extension == ".safetensors";
}

}  // namespace

TEST_CASE("every .pth fixture holds the expected arrays") {
    const auto folder = attune::test::shared("fixtures/files/pth");
    if (!folder) return;
    const json expected = read_json(*folder / "expected.json");
    std::set<std::string> covered;
    for (const auto& [group, names] : expected["files"].items()) {
        for (const std::string name : names) {
            CAPTURE(name);
            covered.insert(name);
            const attune::TensorFile file = attune::read_weights(*folder / name);
            check_checkpoint(file, expected["expected"][group]);
            attune::test::count_run();
        }
    }
    for (const auto& entry : fs::directory_iterator(*folder)) {
        if (!is_weights_file(entry.path()) || covered.contains(entry.path().filename().string())) continue;
        CHECK_MESSAGE(!attune::read_weights(entry.path()).tensors.empty(), entry.path().string());
        attune::test::count_run();
    }
}

TEST_CASE("a flat .pth fixture holds nothing but the expected arrays, and they are its state dictionary") {
    const auto folder = attune::test::shared("fixtures/files/pth");
    if (!folder) return;
    const json expected = read_json(*folder / "expected.json");
    for (const auto& [group, names] : expected["files"].items()) {
        const json& record = expected["expected"][group];
        const json& network = record.contains("state_dict") ? record["state_dict"] : record;
        for (const std::string name : names) {
            CAPTURE(name);
            const attune::TensorFile file = attune::state_dict_of(attune::read_weights(*folder / name));
            CHECK(file.tensors.size() == network.size());
            for (const auto& [key, value] : network.items()) {
                CAPTURE(key);
                const attune::TensorData* tensor = file.find(key);
                REQUIRE(tensor != nullptr);
                CHECK(difference(*tensor, value) == "");
            }
            attune::test::count_run();
        }
    }
}

TEST_CASE("every safetensors fixture holds the expected arrays and metadata") {
    const auto folder = attune::test::shared("fixtures/files/safetensors");
    if (!folder) return;
    const json expected = read_json(*folder / "expected.json");
    for (const auto& entry : fs::directory_iterator(*folder)) {
        if (entry.path().extension() != ".safetensors") continue;
        const std::string name = entry.path().filename().string();
        CAPTURE(name);
        const attune::TensorFile file = attune::read_weights(entry.path());
        REQUIRE(expected.contains(name));
        CHECK(file.tensors.size() == expected[name].size());
        for (const auto& [key, value] : expected[name].items()) {
            CAPTURE(key);
            const attune::TensorData* tensor = file.find(key);
            REQUIRE(tensor != nullptr);
            CHECK(difference(*tensor, value) == "");
        }
        const json& metadata = expected["metadata"][name];
        CHECK(json(file.metadata) == (metadata.is_null() ? json::object() : metadata));
        attune::test::count_run();
    }
}

TEST_CASE("the formats of one published network hold equal arrays") {
    const auto folder = attune::test::shared("data/weights");
    if (!folder) return;
    std::map<std::string, std::vector<std::pair<std::string, attune::TensorFile>>> networks;
    for (const auto& entry : fs::directory_iterator(*folder)) {
        if (!is_weights_file(entry.path())) continue;
        CAPTURE(entry.path());
        attune::TensorFile file = attune::state_dict_of(attune::read_weights(entry.path()));
        CHECK(!file.tensors.empty());
        networks[entry.path().stem().string()].emplace_back(entry.path().filename().string(),
                                                            std::move(file));
        attune::test::count_run();
    }
    for (const auto& [network, variants] : networks) {
        for (const auto& [name, file] : variants) {
            CAPTURE(name);
            CHECK(file.tensors.size() == variants[0].second.tensors.size());
            for (const auto& [key, tensor] : variants[0].second.tensors) {
                CAPTURE(key);
                const attune::TensorData* other = file.find(key);
                REQUIRE(other != nullptr);
                CHECK(other->dtype == tensor.dtype);
                CHECK(other->shape == tensor.shape);
                CHECK(other->bytes == tensor.bytes);
            }
        }
    }
}
