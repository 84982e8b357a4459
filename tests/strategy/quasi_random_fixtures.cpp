#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attune/strategy/discrepancy.hpp"
#include "attune/strategy/halton.hpp"
#include "attune/strategy/latin_hypercube.hpp"
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
}

TEST_CASE("the plain Halton sequence has the reference coordinates") {
    const auto path = attune::test::shared("fixtures/hpo/qmc.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    for (const auto& [key, rows] : file.at("halton").items()) {
        if (!key.starts_with("points") || !rows.is_array()) continue;
        const std::uint64_t first = key == "points" ? 0 : number_after(key, "points_");
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const auto expected = rows[i].get<std::vector<double>>();
            const auto point = attune::HaltonSequence(expected.size()).point(first + i);
            CAPTURE(first + i);
            for (std::size_t j = 0; j < expected.size(); ++j) CHECK(std::abs(point[j] - expected[j]) <= 1e-9);
            attune::test::count_run();
        }
    }
}

namespace {

using Rows = std::vector<std::vector<double>>;

/// The points of a case: given, or in words such as "first 64 Sobol points of the first 5 dimensions above".
Rows points_of(const json& points) {
    if (points.is_array()) return points.get<Rows>();
    std::vector<std::size_t> numbers;
    const std::string words = points;
    for (std::size_t at = 0; (at = words.find_first_of("0123456789", at)) != std::string::npos;) {
        std::size_t digits = 0;
        numbers.push_back(std::stoul(words.substr(at), &digits));
        at += digits;
    }
    if (numbers.size() != 2 || words.find("Sobol") == std::string::npos) return {};
    Rows rows;
    const attune::SobolSequence sequence(numbers[1]);
    for (std::size_t i = 0; i < numbers[0]; ++i) {
        std::vector<double>& row = rows.emplace_back();
        for (const std::uint32_t x : sequence.point(i)) row.push_back(x * 0x1p-32);
    }
    return rows;
}

/// Every slice of every dimension is used once.
bool is_latin(const Rows& points) {
    const auto n = static_cast<double>(points.size());
    for (std::size_t j = 0; j < points.front().size(); ++j) {
        std::vector<bool> used(points.size(), false);
        for (const auto& point : points) {
            const auto slice = static_cast<std::size_t>(std::floor(n * point[j]));
            if (slice >= used.size() || used[slice]) return false;
            used[slice] = true;
        }
    }
    return true;
}

}  // namespace

TEST_CASE("discrepancies agree with the reference values") {
    const auto path = attune::test::shared("fixtures/hpo/qmc.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    using attune::Discrepancy;
    const std::pair<const char*, Discrepancy> kinds[] = {{"CD", Discrepancy::centered},
                                                         {"WD", Discrepancy::wraparound},
                                                         {"MD", Discrepancy::mixture},
                                                         {"L2_star", Discrepancy::l2_star}};
    for (const json& item : file.at("discrepancy")) {
        const Rows points = points_of(item.at("points"));
        if (points.empty()) {
            attune::test::count_skip("qmc discrepancy",
                                     "points in unknown words: " + item.at("points").dump());
            continue;
        }
        for (const auto& [name, kind] : kinds)
            if (item.contains(name)) {
                INFO(name);
                CHECK(attune::discrepancy(points, kind) ==
                      doctest::Approx(item.at(name).get<double>()).epsilon(1e-9));
            }
        attune::test::count_run();
    }
}

TEST_CASE("designs of ours have the property of Latin hypercubes, as the reference example has") {
    const auto path = attune::test::shared("fixtures/hpo/qmc.json");
    if (!path) return;
    const json file = json::parse(std::ifstream(*path));
    for (const auto& [key, rows] : file.at("latin_hypercube").items()) {
        if (!rows.is_array()) continue;
        const Rows example = rows.get<Rows>();
        CHECK(is_latin(example));
        attune::RandomStream stream(1, example.size(), attune::Purpose::user);
        for (int i = 0; i < 100; ++i)
            CHECK(is_latin(attune::latin_hypercube(example.size(), example.front().size(), false, stream)));
        const auto n = static_cast<double>(example.size());
        const Rows centred = attune::latin_hypercube(example.size(), example.front().size(), true, stream);
        CHECK(is_latin(centred));
        for (const auto& point : centred)
            for (const double x : point) CHECK(x == (std::floor(x * n) + 0.5) / n);
        attune::test::count_run();
    }
}
