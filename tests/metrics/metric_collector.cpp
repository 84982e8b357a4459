#include "attune/metrics/metric_collector.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "attune/error.hpp"

using attune::MetricCollector;
using attune::MetricReport;
using attune::MetricValue;
using Reports = std::vector<MetricReport>;

TEST_CASE("arrivals of the objective count the steps, and what came before joins") {
    MetricCollector collector({.objectives = {"acc"}});
    CHECK(collector.add({{"loss", 3, {}}}).empty());
    CHECK(collector.add({{"loss", 2, {}}}).empty());
    CHECK(collector.add({{"acc", 0.5, {}}, {"time", 9, {}}}) ==
          Reports{{1, {{"loss", 2}, {"acc", 0.5}, {"time", 9}}}});
    CHECK(collector.add({}).empty());
    CHECK(collector.add({{"acc", 0.6, {}}, {"acc", 0.7, {}}}) ==
          Reports{{2, {{"acc", 0.6}}}, {3, {{"acc", 0.7}}}});
    CHECK(collector.add({{"test", 1, {}}}).empty());
    CHECK(!collector.finish());
    CHECK(collector.pending() == std::vector<std::pair<std::string, double>>{{"test", 1}});
}

TEST_CASE("with several objectives all must come, or one comes again") {
    MetricCollector collector({.objectives = {"acc", "latency"}});
    CHECK(collector.add({{"acc", 1, {}}}).empty());
    CHECK(collector.add({{"latency", 2, {}}}) == Reports{{1, {{"acc", 1}, {"latency", 2}}}});
    CHECK(collector.add({{"acc", 3, {}}}).empty());
    CHECK(collector.add({{"acc", 4, {}}}) == Reports{{2, {{"acc", 3}}}});
    CHECK(collector.finish() == MetricReport{3, {{"acc", 4}}});
}

TEST_CASE("a step metric names the steps") {
    MetricCollector collector({.objectives = {"acc"}, .step_metric = "epoch"});
    CHECK(collector.add({{"epoch", 0, {}}}).empty());
    CHECK(collector.add({{"acc", 1, {}}}) == Reports{{0, {{"acc", 1}}}});
    CHECK(collector.add({{"acc", 2, {}}, {"epoch", 5, {}}}) == Reports{{5, {{"acc", 2}}}});
    CHECK(collector.passed_over() == 0);
    CHECK(collector.add({{"acc", 3, {}}}).empty());
    CHECK(collector.add({{"epoch", 4, {}}, {"acc", 4, {}}}).empty());
    CHECK(collector.passed_over() == 2);
    CHECK(collector.add({{"epoch", 6.5, {}}}).empty());
    CHECK(collector.add({{"epoch", std::numeric_limits<double>::quiet_NaN(), {}}}).empty());
    CHECK(collector.add({{"epoch", 1e300, {}}}).empty());
    CHECK(collector.passed_over() == 5);
    CHECK(collector.add({{"epoch", 6, {}}, {"acc", 5, {}}}) == Reports{{6, {{"acc", 5}}}});
}

TEST_CASE("a report can wait for the next step, and has the last values of its own") {
    MetricCollector collector({.objectives = {"acc"},
                               .step_metric = "epoch",
                               .completion = attune::ReportCompletion::on_next_step});
    CHECK(collector.add({{"epoch", 1, {}}, {"acc", 0.1, {}}}).empty());
    CHECK(collector.add({{"acc", 0.2, {}}, {"loss", 7, {}}}).empty());
    CHECK(collector.add({{"epoch", 1, {}}}).empty());
    CHECK(collector.add({{"epoch", 2, {}}}) == Reports{{1, {{"acc", 0.2}, {"loss", 7}}}});
    CHECK(collector.add({{"acc", 0.3, {}}}).empty());
    CHECK(collector.finish() == MetricReport{2, {{"acc", 0.3}}});
    CHECK(!collector.finish());
}

TEST_CASE("values may carry their steps") {
    MetricCollector collector({.objectives = {"acc"}});
    CHECK(collector.add({{"loss", 2, 10}, {"acc", 1, 10}}) == Reports{{10, {{"loss", 2}, {"acc", 1}}}});
    CHECK(collector.add({{"acc", 1, 20}}) == Reports{{20, {{"acc", 1}}}});
}

TEST_CASE("options are checked") {
    CHECK_THROWS_AS(MetricCollector({.objectives = {}}), attune::InvalidOption);
    CHECK_THROWS_AS(MetricCollector({.objectives = {""}}), attune::InvalidOption);
    CHECK_THROWS_AS(MetricCollector({.objectives = {"a", "a"}}), attune::InvalidOption);
    CHECK_THROWS_AS(MetricCollector({.objectives = {"a"}, .step_metric = "a"}), attune::InvalidOption);
}
