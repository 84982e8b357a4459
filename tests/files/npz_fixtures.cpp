#include <doctest/doctest.h>

#include <fstream>

#include "attune/files/npy.hpp"
#include "attune/files/weights.hpp"
#include "fixture_values.hpp"
#include "support/shared_data.hpp"

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

/// NumPy's name of a type ("<f8") as torch has it ("float64").
std::string torch_name(const std::string& type) {
    const int bits = 8 * std::stoi(type.substr(2));
    if (type[1] == 'b') return "bool";
    return (type[1] == 'f' ? "float" : type[1] == 'u' ? "uint" : "int") + std::to_string(bits);
}

void check_array(const attune::TensorFile& file, const std::string& name, json expected) {
    CAPTURE(name);
    const std::string type = expected["dtype"];
    if (type[1] == 'U') {
        REQUIRE(file.metadata.contains(name));
        CHECK(json::parse(file.metadata.at(name)) == expected["values_row_major"]);
        return;
    }
    expected["dtype"] = torch_name(type);
    const attune::TensorData* tensor = file.find(name);
    REQUIRE(tensor != nullptr);
    CHECK(attune::test::difference(*tensor, expected) == "");
}

}  // namespace

TEST_CASE("every .npz and .npy fixture holds the expected arrays") {
    const auto folder = attune::test::shared("fixtures/files/npz");
    if (!folder) return;
    const json expected = json::parse(std::ifstream(*folder / "expected.json"));
    std::map<std::string, std::string> single;  // "one.npy = f8": the array of a file of one
    for (const std::string line : expected["files"])
        if (const auto equals = line.find(" = "); equals != std::string::npos)
            single[line.substr(0, equals)] = line.substr(equals + 3);
    for (const auto& entry : fs::directory_iterator(*folder)) {
        const auto name = entry.path().filename().string();
        CAPTURE(name);
        if (entry.path().extension() == ".npz") {
            const auto file = attune::read_weights(entry.path());
            CHECK(file.tensors.size() + file.metadata.size() == expected["arrays"].size());
            for (const auto& [array, value] : expected["arrays"].items()) check_array(file, array, value);
            attune::test::count_run();
        } else if (entry.path().extension() == ".npy") {
            REQUIRE(single.contains(name));
            check_array(attune::read_weights(entry.path()), "array", expected["arrays"][single[name]]);
            attune::test::count_run();
        }
    }
}
