#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/metrics/line_splitter.hpp"
#include "attune/metrics/number.hpp"
#include "attune/metrics/regex_metrics.hpp"
#include "support/shared_data.hpp"

// What Python's re.finditer finds, line by line, in logs with all kinds of number formats.

namespace {

using attune::test::contents;
using nlohmann::json;

std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::vector<std::string> lines;
    attune::LineSplitter splitter;
    const auto sink = [&](const attune::LogLine& line) { lines.emplace_back(line.text); };
    splitter.feed(contents(path), sink);
    splitter.finish(sink);
    return lines;
}

// Columns are counted in code points there, in bytes here.
std::size_t code_points(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

// The least number of capture groups that an expression of the file must have, told by its matches.
std::size_t groups_of(const json& pattern) {
    return pattern.at("matches").empty() ? 1 : pattern.at("matches").front().at(3).size();
}

std::optional<std::string> refusal(const attune::MetricDefinition& definition) {
    try {
        const attune::RegexMetrics metrics({definition});
        return std::nullopt;
    } catch (const attune::InvalidOption& error) {
        return error.what();
    }
}

// What must be named in the message if a construct is refused: the words of `uses` that linear time rules
// out.
bool is_refused_construct(const std::string& use) {
    for (const char* word : {"look", "backreference", "atomic", "possessive", "conditional", "recurs"})
        if (use.find(word) != std::string::npos) return true;
    return false;
}

std::string letters(std::string text) {
    std::erase_if(text, [](char c) { return c < 'a' || c > 'z'; });
    return text;
}

void check_number(const std::optional<double>& found, const json& expected) {
    if (expected.is_null()) {
        CHECK(!found);
        return;
    }
    REQUIRE(found.has_value());
    const std::optional<double> value =
        expected.is_string() ? attune::parse_number(expected.get<std::string>()) : expected.get<double>();
    if (std::isnan(*value))
        CHECK(std::isnan(*found));
    else
        CHECK(*found == *value);
}

void check_matches(const attune::MetricDefinition& definition, const json& pattern,
                   const std::vector<std::string>& lines) {
    const attune::RegexMetrics metrics({definition});
    const json& expected = pattern.at("matches");
    std::size_t at = 0;
    for (std::size_t line = 0; line < lines.size(); ++line) {
        for (const attune::MetricMatch& match : metrics.matches(lines[line])) {
            CAPTURE(line);
            REQUIRE(at < expected.size());
            const json& row = expected[at];
            CHECK(line == row.at(0).get<std::size_t>());
            CHECK(code_points(std::string_view(lines[line]).substr(0, match.begin)) ==
                  row.at(1).get<std::size_t>());
            CHECK(lines[line].substr(match.begin, match.end - match.begin) == row.at(2).get<std::string>());
            const json& group = row.at(3).at(0);
            CHECK(match.captured.has_value() == !group.is_null());
            if (match.captured && !group.is_null()) CHECK(*match.captured == group.get<std::string>());
            check_number(match.value, pattern.at("first_group_as_number").at(at));
            ++at;
        }
    }
    CHECK(at == expected.size());
}

void check_pattern(const json& pattern, const std::vector<std::string>& lines) {
    attune::MetricDefinition definition{.name = pattern.at("name"), .regex = pattern.at("pattern")};
    CAPTURE(definition.regex);
    for (const json& use : pattern.at("uses")) {
        if (!is_refused_construct(use)) continue;
        const auto message = refusal(definition);
        REQUIRE(message.has_value());
        CHECK_MESSAGE(letters(*message).find(letters(use)) != std::string::npos, *message);
        return;
    }
    const std::size_t groups = groups_of(pattern);
    if (groups == 0) {
        CHECK(refusal(definition).value_or("").find("capture group") != std::string::npos);
        return;
    }
    if (groups > 1) {
        CHECK(refusal(definition).value_or("").find("capture groups") != std::string::npos);
        definition.group = 1;  // the file's numbers are of the first
    }
    check_matches(definition, pattern, lines);
}

}  // namespace

TEST_CASE("log expressions match as in Python") {
    const auto file = attune::test::shared("fixtures/files/logs_expected.json");
    const auto folder = attune::test::shared("fixtures/files/logs");
    if (!file || !folder) return;
    const json expected = json::parse(contents(*file));
    for (const auto& entry : std::filesystem::directory_iterator(*folder)) {
        CAPTURE(entry.path().filename().string());
        const std::vector<std::string> lines = lines_of(entry.path());
        for (const json& pattern : expected.at("patterns")) {
            check_pattern(pattern, lines);
            attune::test::count_run();
        }
    }
}
