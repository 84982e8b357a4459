#include "attune/storage/json_codec.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <bit>
#include <nlohmann/json.hpp>

#include "support/study_events.hpp"

using namespace attune;

namespace {

Event again(const Event& event) { return event_from_json(parse_json(to_json(event).dump(), "event")); }

template <class E>
E body_again(E body) {
    return std::get<E>(again({1, std::move(body)}).body);
}

SearchSpace space_of(const std::string& json) { return space_from_json(parse_json(json, "space")); }

}  // namespace

TEST_CASE("every kind of event reads back as it was written") {
    for (const Event& event : test::rich_events()) {
        const Event back = again(event);
        CHECK(back.body.index() == event.body.index());
        CHECK(back.time_seconds == event.time_seconds);
        CHECK(to_json(back).dump() == to_json(event).dump());
    }
}

TEST_CASE("values keep their type and doubles their bits") {
    const event::Values values{{"flag", true},
                               {"integer", std::int64_t{3}},
                               {"number", 3.0},
                               {"text", std::string("3")},
                               {"nan text", std::string("nan")},
                               {"minus zero", -0.0},
                               {"largest", std::int64_t{INT64_MAX}},
                               {"bytes", std::string("\xff\x00z", 3)},
                               {"nan", std::numeric_limits<double>::quiet_NaN()},
                               {"inf", -std::numeric_limits<double>::infinity()}};
    const auto back = body_again(event::Enqueued{values}).configuration;
    REQUIRE(back.size() == values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        CHECK(back[i].first == values[i].first);
        CHECK(same_value(back[i].second, values[i].second));
    }
}

TEST_CASE("any double reads back bit by bit") {
    CHECK(rc::check([](std::uint64_t bits) {
        const auto number = std::bit_cast<double>(bits);
        const auto back = body_again(event::Reported{0, 0, {{"x", number}}}).metrics.at("x");
        RC_ASSERT((std::isnan(number) ? std::isnan(back) : std::bit_cast<std::uint64_t>(back) == bits));
    }));
}

TEST_CASE("any text reads back byte by byte") {
    CHECK(
        rc::check([](const std::string& text) { RC_ASSERT(body_again(event::Ended{text}).reason == text); }));
}

TEST_CASE("a space reads back equal, conditions and constraints included") {
    const SearchSpace space = test::rich_space();
    const SearchSpace back = space_from_json(parse_json(space_to_json(space).dump(), "space"));
    CHECK(space.differences(back) == std::vector<std::string>{});
    CHECK(space_to_json(back) == space_to_json(space));
}

TEST_CASE("simple conditions are written in the simple form") {
    const Json json = space_to_json(test::rich_space());
    CHECK(json["space"][6]["when"].dump() == R"({"optimizer":["sgd"]})");
    CHECK(json["space"][7]["when"].dump() == R"({"optimizer":["sgd","3"],"nesterov":[true]})");
    CHECK(json["space"][8]["when"][0] == "any");
}

TEST_CASE("a condition may speak of a parameter that is listed later") {
    const SearchSpace space =
        space_of(R"([{"name": "a", "type": "integer", "low": 1, "high": 3, "when": {"c": [true]}},
        {"name": "b", "type": "continuous", "low": 0, "high": 1},
        {"name": "c", "type": "categorical", "choices": [true, false], "when": [">", "b", 0.5]}])");
    REQUIRE(space.size() == 3);
    CHECK(space[0].name == "b");
    CHECK(space[1].name == "c");
    CHECK(space[2].name == "a");
    CHECK_THROWS_WITH_AS((void)space_of(R"([{"name": "x", "type": "categorical", "choices": [1, 2]},
        {"name": "a", "type": "categorical", "choices": [1, 2], "when": {"b": 1}},
        {"name": "b", "type": "categorical", "choices": [1, 2], "when": {"c": 1}},
        {"name": "c", "type": "categorical", "choices": [1, 2], "when": {"a": 1}}])"),
                         "conditions go in a circle: a -> b -> c -> a", InvalidSpace);
    CHECK_THROWS_AS(
        (void)space_of(R"([{"name": "a", "type": "categorical", "choices": [1], "when": {"a": 1}}])"),
        InvalidSpace);
}

TEST_CASE("spaces that say what cannot be are refused by name and rule") {
    const auto message = [](const std::string& json) {
        try {
            (void)space_of(json);
        } catch (const InvalidSpace& error) {
            return std::string(error.what());
        }
        return std::string("accepted");
    };
    CHECK(message(R"([{"name": "lr", "type": "continuous", "low": 0.5, "high": 0.001}])")
              .find("parameter lr: low (0.5) must ") == 0);
    CHECK(message(R"([{"name": "lr", "type": "continuous", "low": 0, "hihg": 1}])") ==
          "parameter lr: 'hihg' is unknown; known: name, type, low, high, scale, step, choices, when");
    CHECK(message(R"([{"name": "o", "type": "categorical", "choices": ["a"], "scale": "log"}])")
              .find("'scale' is unknown; known: name, type, choices, when") != std::string::npos);
    CHECK(message(R"([{"name": "n", "type": "integer", "low": 0.5, "high": 3}])") ==
          "parameter n (integer): low (0.5) of an integer must be a whole number");
    CHECK(message(R"([{"name": "n", "type": "integer", "low": 1}])") ==
          "parameter n (integer): 'high' is missing");
    CHECK(message(R"([{"name": "n", "type": "real"}])") ==
          "parameter n: type 'real' is unknown; known: continuous, integer, categorical");
    CHECK(message(R"([{"name": "a", "type": "continuous", "low": 1, "high": 2, "scale": "cubic"}])") ==
          "parameter a: scale 'cubic' is unknown; known: linear, log, reverse_log, logit");
    CHECK(message(R"([{"name": "a", "type": "continuous", "low": 1, "high": 2, "when": {"b": [1]}}])") ==
          "parameter a.when: names the unknown parameter 'b'");
    CHECK(
        message(R"([{"name": "a", "type": "continuous", "low": 1, "high": "inf"}])").find("must be finite") !=
        std::string::npos);
    CHECK(message(R"({"space": [], "limits": []})") ==
          "space: 'limits' is unknown; known: space, constraints");
    CHECK(
        message(
            R"([{"name": "a", "type": "continuous", "low": 1, "high": 2}, {"name": "a", "type": "continuous", "low": 1, "high": 2}])") ==
        "parameter a: is declared twice; names must differ");
}

TEST_CASE("choices that mix whole and other numbers are numbers") {
    const SearchSpace space =
        space_of(R"([{"name": "width", "type": "categorical", "choices": [0.5, 1, 2]}])");
    CHECK(std::holds_alternative<double>(space[0].choices[1]));
    CHECK(std::holds_alternative<std::int64_t>(
        space_of(R"([{"name": "w", "type": "categorical", "choices": [1, 2]}])")[0].choices[1]));
}

TEST_CASE("events of a later version or an unknown kind are named as such") {
    const auto read = [](const std::string& text) { (void)event_from_json(parse_json(text, "event")); };
    const std::string later = std::to_string(event_format_version + 1);
    const std::string newer = "'forked': has format version " + later;
    const std::string unknown =
        "kind 'forked' is unknown to format version " + std::to_string(event_format_version);
    CHECK_THROWS_WITH_AS(read(R"({"v": )" + later + R"(, "kind": "forked", "time": 1})"),
                         doctest::Contains(newer.c_str()), InvalidJson);
    CHECK_THROWS_WITH_AS(read(R"({"v": 1, "kind": "forked", "time": 1})"), doctest::Contains(unknown.c_str()),
                         InvalidJson);
    CHECK_THROWS_WITH_AS(read(R"({"v": 1, "kind": "ended", "time": 1, "reason": "", "why": 1})"),
                         doctest::Contains("'why' is unknown; known: reason"), InvalidJson);
    CHECK_THROWS_WITH_AS(read(R"({"v": 1, "kind": "interrupted", "time": 1, "trial": 0.5})"),
                         doctest::Contains("must be a whole number"), InvalidJson);
    CHECK_THROWS_AS(read(R"([1])"), InvalidJson);
}

TEST_CASE("JSON is parsed strictly") {
    CHECK_THROWS_WITH_AS((void)parse_json(R"({"a": 1, "a": 2})", "line"), "line: 'a' is given twice",
                         InvalidJson);
    CHECK_THROWS_WITH_AS((void)parse_json("{\"a\": ", "line"),
                         doctest::Contains("line: is not valid JSON: parse error"), InvalidJson);
    CHECK_THROWS_WITH_AS((void)parse_json(std::string(200, '['), "line"),
                         doctest::Contains("nested deeper than 100"), InvalidJson);
    CHECK(parse_json(R"({"a": {"b": 1}, "b": {"b": 1}})", "line")["b"]["b"] == 1);
}
