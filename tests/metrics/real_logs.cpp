#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "attune/metrics/dry_run.hpp"
#include "attune/metrics/json_lines_metrics.hpp"
#include "attune/metrics/line_splitter.hpp"
#include "support/shared_data.hpp"

// Logs of real trainings, with what Python's `re` finds in them.

using attune::test::contents;

namespace {

std::vector<attune::MetricDefinition> definitions_of(const nlohmann::json& metrics) {
    std::vector<attune::MetricDefinition> definitions;
    for (const auto& [name, expected] : metrics.items())
        definitions.push_back({.name = name, .regex = expected.at("regex")});
    return definitions;
}

std::vector<std::string> lines_in_chunks(const std::string& text, std::uint32_t seed) {
    std::vector<std::string> lines;
    std::mt19937 random(seed);
    attune::LineSplitter splitter;
    const auto sink = [&](const attune::LogLine& line) { lines.emplace_back(line.text); };
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = seed == 0 ? text.size() : 1 + random() % 97;
        splitter.feed(std::string_view(text).substr(at, length), sink);
        at += length;
    }
    splitter.finish(sink);
    return lines;
}

}  // namespace

TEST_CASE("every metric of every real log is found as expected") {
    const auto file = attune::test::shared("data/logs/expected-metrics.json");
    if (!file) return;
    const auto logs = nlohmann::json::parse(contents(*file));
    for (const auto& [log, metrics] : logs.items()) {
        const std::string text = contents(file->parent_path() / log);
        REQUIRE(!text.empty());
        const attune::DryRun run = attune::dry_run(text, definitions_of(metrics));
        for (const attune::MetricDryRun& found : run.metrics) {
            CAPTURE(log);
            CAPTURE(found.name);
            const auto& expected = metrics.at(found.name);
            CHECK(found.count == expected.at("count").get<std::int64_t>());
            CHECK(found.unparsable == 0);
            CHECK(found.first == expected.at("first").get<double>());
            CHECK(found.last == expected.at("last").get<double>());
            CHECK(found.least == expected.at("min").get<double>());
            CHECK(found.greatest == expected.at("max").get<double>());
            attune::test::count_run();
        }
    }
}

TEST_CASE("real logs give the same lines wherever they are cut, whole and after what terminals strip") {
    const auto folder = attune::test::shared("data/logs");
    if (!folder) return;
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        if (entry.path().extension() != ".log") continue;
        CAPTURE(entry.path().filename().string());
        const std::string text = contents(entry.path());
        const auto whole = lines_in_chunks(text, 0);
        CHECK(!whole.empty());
        for (const std::string& line : whole) CHECK(line.find('\x1b') == std::string::npos);
        for (std::uint32_t seed = 1; seed <= 3; ++seed) CHECK(lines_in_chunks(text, seed) == whole);
        attune::test::count_run();
    }
}

TEST_CASE("the JSON metrics in a real log are read too") {
    const auto file = attune::test::shared("data/logs/sagemaker-linear-learner.log");
    if (!file) return;
    attune::JsonLinesMetrics metrics({.prefix = "#metrics ", .step_keys = {"Dimensions.epoch"}});
    std::int64_t with_step = 0;
    for (const std::string& line : lines_in_chunks(contents(*file), 0))
        for (const attune::MetricValue& value : metrics.extract(line)) with_step += value.step ? 1 : 0;
    CHECK(metrics.malformed_lines() == 0);
    CHECK(with_step > 0);
    attune::test::count_run();
}
