#include "attune/metrics/regex_metrics.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "attune/error.hpp"

using attune::MetricDefinition;
using attune::MetricValue;
using attune::RegexMetrics;

namespace {

/// The message that a definition is refused with; empty if it is taken.
std::string refusal(const std::string& regex, int group = 0) {
    try {
        RegexMetrics metrics({{.name = "val:acc", .regex = regex, .group = group}});
        return "";
    } catch (const attune::InvalidOption& error) {
        return error.what();
    }
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::vector<std::string> rules(const std::string& regex) {
    std::vector<std::string> result;
    for (const auto& warning : attune::lint({{.name = "m", .regex = regex}})) {
        CHECK(warning.metric == "m");
        CHECK(!warning.message.empty());
        CHECK(!warning.suggestion.empty());
        result.push_back(warning.rule);
    }
    return result;
}

using Rules = std::vector<std::string>;

}  // namespace

TEST_CASE("several metrics and several matches of a line come in their order") {
    RegexMetrics metrics(
        {{.name = "val:loss", .regex = "loss=([0-9.]+)"}, {.name = "acc", .regex = "acc=([-0-9.einfa]+)"}});
    CHECK(metrics.extract("acc=0.5 loss=2 acc=-inf loss=3") ==
          std::vector<MetricValue>{
              {"acc", 0.5, {}}, {"val:loss", 2, {}}, {"acc", -INFINITY, {}}, {"val:loss", 3, {}}});
    CHECK(metrics.extract("nothing").empty());
    CHECK(metrics.problems().empty());
}

TEST_CASE("the group is the only one, the only named one, or the chosen one") {
    RegexMetrics named({{.name = "m", .regex = "(a|b)=(?P<value>[0-9]+)"},
                        {.name = "n", .regex = "(a|b)=(?<value>[0-9]+)"},
                        {.name = "k", .regex = "([0-9]+):([0-9]+)", .group = 2}});
    CHECK(named.extract("b=4 5:6") == std::vector<MetricValue>{{"m", 4, {}}, {"n", 4, {}}, {"k", 6, {}}});
    CHECK(has(refusal("loss=[0-9]+"), "no capture group"));
    CHECK(has(refusal("loss=[0-9]+"), "'val:acc'"));
    CHECK(has(refusal("loss=[0-9]+"), "'loss=[0-9]+'"));
    CHECK(has(refusal("(a)(b)"), "2 capture groups"));
    CHECK(has(refusal("(a)", 2), "group 2"));
    CHECK(has(refusal("(a)", -1), "group -1"));
    CHECK(has(refusal("([0-9]"), "RE2 refuses"));
    CHECK_THROWS_AS(RegexMetrics({{.name = "", .regex = "(a)"}}), attune::InvalidOption);
    CHECK_THROWS_AS(RegexMetrics({}, {.max_matches_per_line = 0}), attune::InvalidOption);
}

TEST_CASE("what no linear-time engine has is refused by name") {
    CHECK(has(refusal("loss: ([0-9]+)(?= - acc)"), "look-ahead (?=...)"));
    CHECK(has(refusal("loss: ([0-9]+)(?!x)"), "negative look-ahead (?!...)"));
    CHECK(has(refusal("(?<=a)([0-9]+)"), "look-behind (?<=...)"));
    CHECK(has(refusal("(?<!val_)loss: ([0-9]+)"), "negative look-behind (?<!...)"));
    CHECK(has(refusal(R"((["'])x\1)"), "backreference \\1"));
    CHECK(has(refusal("(?P<q>a)(?P=q)"), "backreference (?P=name)"));
    CHECK(has(refusal("(?>a+)([0-9])"), "atomic group (?>...)"));
    CHECK(has(refusal("a*+([0-9])"), "possessive quantifier *+"));
    CHECK(has(refusal("(a)?(?(1)b|c)"), "conditional group"));
    // The same characters in a class or escaped are nothing of the kind.
    CHECK(refusal(R"([(?=]\(\?=([0-9]+)\\1)").empty());
    CHECK(refusal(R"(\Q(?=\E([0-9]+))").empty());
}

TEST_CASE("matches tell their place, and captures that are no numbers are counted") {
    RegexMetrics metrics({{.name = "m", .regex = "m=(\\S+)?"}});
    const auto matches = metrics.matches("é m=1, m=");
    REQUIRE(matches.size() == 2);
    CHECK(matches[0].begin == 3);
    CHECK(matches[0].end == 7);
    CHECK(matches[0].captured == "1,");
    CHECK(!matches[0].value);
    CHECK(!matches[1].captured);
    CHECK(metrics.problems().empty());
    CHECK(metrics.extract("m=97% m=2").size() == 1);
    CHECK(metrics.capture_counts().front().unparsable == 1);
    CHECK(metrics.capture_counts().front().first_unparsable == "97%");
    REQUIRE(metrics.problems().size() == 1);
    CHECK(has(metrics.problems().front(), "'97%'"));
}

TEST_CASE("a capture that is part of a longer number keeps its value, and is told") {
    const auto cut = [](const std::string& regex, const std::string& line) {
        RegexMetrics metrics({{.name = "m", .regex = regex}});
        REQUIRE(metrics.extract(line).size() == 1);
        return metrics.capture_counts().front().first_cut;
    };
    CHECK(cut("m=([0-9.]+)", "m=1.5e-05, n") == "1.5e-05");
    CHECK(cut("m=-?([0-9.]+)", "m=-2.5") == "-2.5");
    CHECK(cut("m=([0-9]+)", "m=12.5") == "12.5");
    CHECK(cut("m=([0-9.e-]+)", "m=1.5e-05").empty());
    CHECK(cut("Epoch ([0-9]+)", "Epoch 3. Done").empty());
    CHECK(cut("epoch-([0-9]+)", "epoch-3").empty());
    CHECK(cut("([0-9.]+) ?epochs", "12 epochs").empty());
}

TEST_CASE("commas are read where the definition says so") {
    RegexMetrics metrics({{.name = "n", .regex = "n: ([0-9,]+)", .thousands_commas = true}});
    CHECK(metrics.extract("n: 11,689,512") == std::vector<MetricValue>{{"n", 11689512, {}}});
}

TEST_CASE("matches of a line are bounded, and empty matches end") {
    RegexMetrics metrics({{.name = "m", .regex = "([0-9])"}}, {.max_matches_per_line = 10});
    CHECK(metrics.extract(std::string(1000, '7')).size() == 10);
    CHECK(metrics.problems().size() == 2);  // left out, and parts of a longer number
    RegexMetrics empty({{.name = "m", .regex = "([0-9]*)"}});
    CHECK(empty.extract("é5é").size() == 1);
}

TEST_CASE("copies share definitions and count for themselves") {
    RegexMetrics first({{.name = "m", .regex = "m=(\\S+)"}});
    attune::AnyMetricExtractor any = first;
    attune::AnyMetricExtractor other = any;
    CHECK(any.extract("m=x").empty());
    CHECK(any.problems().size() == 1);
    CHECK(other.problems().empty());
    CHECK(!attune::AnyMetricExtractor().has_value());
    CHECK(attune::AnyMetricExtractor().extract("m=1").empty());
}

TEST_CASE("an extractor of one's own needs one function") {
    struct Percent {
        std::vector<MetricValue> extract(std::string_view line) {
            return line.ends_with('%') ? std::vector<MetricValue>{{"done", 1, {}}}
                                       : std::vector<MetricValue>{};
        }
    };
    static_assert(attune::MetricExtractor<Percent>);
    static_assert(!attune::MetricExtractor<int>);
    attune::AnyMetricExtractor any = Percent{};
    CHECK(any.extract("5%").size() == 1);
    CHECK(any.problems().empty());
}

TEST_CASE("lint finds the usual mistakes") {
    CHECK(rules("F1=(.*?)") == Rules{"lazy-tail"});
    CHECK(rules("F1=(.*?)\\s*") == Rules{"lazy-tail"});
    CHECK(rules("F1=([0-9.]*?)") == Rules{"lazy-tail"});
    CHECK(rules("acc=(.*) loss") == Rules{"greedy-group"});
    CHECK(rules("acc=(.+)") == Rules{"greedy-group"});
    CHECK(rules("acc=[0-9]+") == Rules{"no-group"});
    CHECK(rules("(a)(b)") == Rules{"several-groups"});
    CHECK(rules("val.acc=([0-9]+)") == Rules{"unescaped-dot"});
    CHECK(rules("acc=([0-9]+.[0-9]+)") == Rules{"unescaped-dot"});
    CHECK(rules("(accuracy|loss)=[0-9]+") == Rules{"never-a-number"});
    CHECK(rules("(?=a)(b)") == Rules{"unsupported"});
    CHECK(rules("a)(") == Rules{"invalid"});
}

TEST_CASE("lint is quiet about sound definitions") {
    for (const char* regex :
         {"Validation_loss=(.*?);", "F1=(.*?)$", "acc=([0-9.]+)", R"(.*\[[0-9]+\].*#011auc:([0-9.]+).*)",
          "(?:a|b)=([0-9]+)", R"(val\.acc=(\S+))", "[.]x=(nan|[0-9]+)", "m=(?P<v>[-+0-9.eE]+)"})
        CHECK_MESSAGE(rules(regex).empty(), regex);
}
