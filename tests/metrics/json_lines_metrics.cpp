#include "attune/metrics/json_lines_metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "attune/error.hpp"

using attune::JsonLinesMetrics;
using attune::MetricValue;
using Values = std::vector<MetricValue>;

namespace {
Values read(const std::string& line, attune::JsonLinesOptions options = {}) {
    return JsonLinesMetrics(std::move(options)).extract(line);
}
}  // namespace

TEST_CASE("numbers of an object come under flattened names") {
    CHECK(
        read(
            R"({"a": 1, "b": {"c": -2.5, "d": [1, {"e": 3}, [4]], "f": {}}, "g": "text", "h": true, "i": null, "j": 5e-3})") ==
        Values{{"a", 1, {}},
               {"b.c", -2.5, {}},
               {"b.d.0", 1, {}},
               {"b.d.1.e", 3, {}},
               {"b.d.2.0", 4, {}},
               {"j", 5e-3, {}}});
    CHECK(read("no object here").empty());
    CHECK(read("").empty());
}

TEST_CASE("the step is taken out and goes to all values") {
    CHECK(read(R"({"epoch": 3, "acc": 0.5})") == Values{{"acc", 0.5, 3}});
    CHECK(read(R"({"acc": 0.5, "epoch": 3, "step": 1200})") ==
          Values{{"acc", 0.5, 1200}, {"epoch", 3, 1200}});
    CHECK(read(R"({"epoch": 0.5, "acc": 1})") == Values{{"epoch", 0.5, {}}, {"acc", 1, {}}});
    CHECK(read(R"({"Dimensions": {"epoch": 2}, "acc": 1})", {.step_keys = {"Dimensions.epoch"}}) ==
          Values{{"acc", 1, 2}});
}

TEST_CASE("non-finite numbers are understood bare and as strings") {
    const Values values =
        read(R"({"a": NaN, "b": [Infinity, -Infinity], "c": "nan", "d": "-inf", "e": "NaN \" Infinity"})");
    REQUIRE(values.size() == 5);
    CHECK(std::isnan(values[0].value));
    CHECK(values[1] == MetricValue{"b.0", INFINITY, {}});
    CHECK(values[2] == MetricValue{"b.1", -INFINITY, {}});
    CHECK(std::isnan(values[3].value));
    CHECK(values[4] == MetricValue{"d", -INFINITY, {}});
}

TEST_CASE("objects stand after other text, or after a prefix where one is set") {
    CHECK(read(R"(12:03 INFO #metrics {"a": 1} and more)") == Values{{"a", 1, {}}});
    CHECK(read(R"(x #metrics {"a": 1})", {.prefix = "#metrics "}) == Values{{"a", 1, {}}});
    CHECK(read(R"({"a": 1})", {.prefix = "#metrics "}).empty());
    CHECK(read(R"(#metrics none {"a": 1})", {.prefix = "#metrics "}).empty());
}

TEST_CASE("names can be chosen, and numbers of a line are bounded") {
    CHECK(read(R"({"a": 1, "b": 2, "step": 7})", {.names = {"b"}}) == Values{{"b", 2, 7}});
    JsonLinesMetrics few({.max_values_per_line = 2});
    CHECK(few.extract(R"({"a": [1, 2, 3, 4]})").size() == 2);
    CHECK(few.problems().size() == 1);
    CHECK_THROWS_AS(JsonLinesMetrics({.max_values_per_line = 0}), attune::InvalidOption);
}

TEST_CASE("damaged and hostile objects are counted and harm nobody") {
    JsonLinesMetrics metrics;
    CHECK(metrics.extract(R"({"a": )").empty());
    CHECK(metrics.extract("{'a': 1}").empty());
    CHECK(metrics.extract("{\"a\":" + std::string(1000000, '[')).empty());
    CHECK(metrics.malformed_lines() == 3);
    CHECK(metrics.problems().size() == 1);
    CHECK(metrics.extract(R"({"a": 1})").size() == 1);
}
