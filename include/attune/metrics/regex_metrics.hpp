#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/metrics/metric_extractor.hpp"

namespace attune {

/// How to find a metric in a log: `{"validation:accuracy", "validation: accuracy=([-+0-9.eE]+)"}`.
struct MetricDefinition {
    std::string name{};  ///< any text, such as `train:loss`; not empty
    /// In RE2's syntax: Perl's without look-around and backreferences, which no linear-time engine can have.
    std::string regex{};
    /// The capture group that holds the number, from 1. With 0 it is the only group; of several, the only
    /// named one.
    int group = 0;
    bool thousands_commas = false;  ///< read `1,234.5` as 1234.5; otherwise that is no number
};

struct RegexMetricsOptions {
    /// Matches of one definition that are taken from one line, 1 or more: each is found in linear time, and
    /// this keeps all of them together linear. Lines that have more are counted and told by `problems()`.
    std::size_t max_matches_per_line = 1000;

    /// Throws InvalidOption.
    void validate() const;
};

/// A place where a definition's regular expression matched.
struct MetricMatch {
    std::size_t definition = 0;                ///< its index
    std::size_t begin = 0;                     ///< of the whole match, in bytes of the line
    std::size_t end = 0;                       ///< one past its last byte
    std::optional<std::string_view> captured;  ///< nothing where the group took no part in the match
    std::optional<double> value;               ///< nothing where what was captured is no number
    bool cut = false;  ///< the capture is part of a longer number: `([0-9.]+)` takes 1 out of `1e-05`
};

/// Captures of one definition that were no numbers, or only parts of one.
struct CaptureCounts {
    std::int64_t unparsable = 0;
    std::string first_unparsable;  ///< up to 80 characters of the first one
    std::int64_t cut = 0;
    std::string first_cut;  ///< the whole number that the first such capture is part of
};

/// Finds metrics in log lines with regular expressions (RE2), in time linear in the line.
///
/// All matches of all definitions count, in the order in which they stand in the line (at the same place, in
/// the order of the definitions). Copies share the compiled expressions. One object is used by one thread at
/// a time.
class RegexMetrics {
  public:
    /// Throws InvalidOption, naming metric, expression and rule: an empty name, an expression without a
    /// capture group or with several of which none is chosen, one that RE2 refuses (look-around,
    /// backreferences ... are named as such).
    explicit RegexMetrics(std::vector<MetricDefinition> definitions, RegexMetricsOptions options = {});
    /// The same for definitions written in place.
    RegexMetrics(std::initializer_list<MetricDefinition> definitions, RegexMetricsOptions options = {})
        : RegexMetrics(std::vector<MetricDefinition>(definitions), options) {}

    [[nodiscard]] std::vector<MetricValue> extract(std::string_view line);
    /// As `extract`, with places, and with matches whose capture is no number; counts nothing.
    [[nodiscard]] std::vector<MetricMatch> matches(std::string_view line) const;

    [[nodiscard]] const std::vector<MetricDefinition>& definitions() const noexcept;
    /// What `extract` captured but could not use as it stands, for each definition.
    [[nodiscard]] const std::vector<CaptureCounts>& capture_counts() const noexcept { return counts_; }
    /// The same as sentences; empty if all went well.
    [[nodiscard]] std::vector<std::string> problems() const;

  private:
    struct Compiled;
    [[nodiscard]] std::vector<MetricMatch> find(std::string_view line, std::int64_t& left_out) const;
    void count(std::string_view line, const MetricMatch& match);

    std::shared_ptr<const Compiled> compiled_;
    RegexMetricsOptions options_;
    std::vector<CaptureCounts> counts_;
    std::int64_t lines_cut_short_ = 0;
};

/// Something in a metric definition that is likely not meant.
struct LintWarning {
    std::string metric;
    /// `lazy-tail`, `greedy-group`, `no-group`, `several-groups`, `unescaped-dot`, `never-a-number`,
    /// `unsupported`, `invalid`
    std::string rule;
    std::string message;     ///< what is wrong, with the offending part
    std::string suggestion;  ///< what to write instead
};

/// Looks for mistakes that compile, and for those that do not, without throwing.
[[nodiscard]] std::vector<LintWarning> lint(const std::vector<MetricDefinition>& definitions);

}  // namespace attune
