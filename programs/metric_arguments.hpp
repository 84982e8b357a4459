#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "attune/metrics/json_lines_metrics.hpp"
#include "attune/metrics/metric_extractor.hpp"
#include "attune/metrics/regex_metrics.hpp"

namespace attune::program {

/// The options by which `tune` and `extract` are told what to read from a log.
struct MetricArguments {
    std::vector<std::string> definitions;  ///< name=regex
    std::string definitions_file;          ///< JSON: [{"Name": ..., "Regex": ...}] or {"name": "regex"}
    bool json_lines = false;
    std::string json_prefix;

    void add_to(CLI::App& command);
    /// Throws InvalidOption, FileError and InvalidJson.
    [[nodiscard]] std::vector<MetricDefinition> regexes() const;
    /// Throws InvalidOption where no definition can produce a metric that `what` asks for, listing the
    /// defined ones. Lines of JSON may hold any name.
    void require(const std::string& metric, const std::string& what) const;
    /// The definitions as one line for people and for comparing.
    [[nodiscard]] std::string text() const;
    /// What reads the lines of a running program. Throws as regexes() does, and where nothing is said.
    [[nodiscard]] AnyMetricExtractor extractor() const;
};

/// Both extractors on each line: the regular expressions first.
class RegexAndJsonMetrics {
  public:
    RegexAndJsonMetrics(RegexMetrics regexes, JsonLinesMetrics json)
        : regexes_(std::move(regexes)), json_(std::move(json)) {}
    [[nodiscard]] std::vector<MetricValue> extract(std::string_view line);
    [[nodiscard]] std::vector<std::string> problems() const;

  private:
    RegexMetrics regexes_;
    JsonLinesMetrics json_;
};

}  // namespace attune::program
