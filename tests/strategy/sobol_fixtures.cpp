#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/strategy/sobol.hpp"
#include "support/shared_data.hpp"

namespace {

using nlohmann::json;

void check_rows(const json& rows, std::uint64_t first, std::uint64_t denominator) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto expected = rows[i].get<std::vector<std::uint64_t>>();
        attune::SobolSequence sequence(expected.size());
        const auto point = sequence.point(first + i);
        for (std::size_t j = 0; j < expected.size(); ++j) {
            CAPTURE(first + i);
            CAPTURE(j);
            CHECK(point[j] == expected[j] * ((std::uint64_t{1} << 32) / denominator));
        }
        attune::test::count_run();
    }
}

/// The number at the end of `prefix` in a key such as points_1000_to_1003.
std::uint64_t number_after(const std::string& key, const std::string& prefix) {
    return std::stoull(key.substr(prefix.size()));
}

}  // namespace

TEST_CASE("the plain Sobol sequence has the reference integers") {
    const auto path = attune::test::shared("fixtures/hpo/qmc.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    const json& sobol = file.at("sobol");
    for (const auto& [key, value] : sobol.items()) {
        if (key.starts_with("first_"))
            check_rows(value, 0, sobol.at("denominator"));
        else if (key.starts_with("points_"))
            check_rows(value.at("rows"), number_after(key, "points_"), value.at("denominator"));
    }
    for (const char* other : {"halton", "discrepancy", "latin_hypercube"})
        if (file.contains(other))
            attune::test::count_skip(std::string("qmc.json, ") + other, "not part of the library");
}
