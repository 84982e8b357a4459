#include "attune/metrics/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "attune/metrics/line_splitter.hpp"
#include "attune/space/detail/counted.hpp"
#include "nearest_line.hpp"
#include "regex_syntax.hpp"

namespace attune {
namespace {

using detail::RegexPiece;
using detail::RegexToken;

constexpr std::size_t kExamples = 5;
constexpr std::size_t kLineNumbersShown = 12;
constexpr std::size_t kTextKept = 500;

void take(MetricDryRun& metric, double value, std::int64_t line) {
    ++metric.count;
    metric.lines.push_back(line);
    if (!metric.first) metric.first = value;
    metric.last = value;
    if (std::isnan(value)) return;
    metric.least = std::min(metric.least.value_or(value), value);
    metric.greatest = std::max(metric.greatest.value_or(value), value);
}

void take(MetricDryRun& metric, const MetricMatch& match, std::int64_t line) {
    metric.cut += match.cut ? 1 : 0;
    if (match.value) return take(metric, *match.value, line);
    if (metric.unparsable++ < static_cast<std::int64_t>(kExamples))
        metric.unparsable_examples.push_back(
            {line, std::string(match.captured.value_or("").substr(0, kTextKept))});
}

bool matched_nowhere(const MetricDryRun& metric) { return metric.count == 0 && metric.unparsable == 0; }

// The tokens that a match may lack: groups with alternatives, and what an optional quantifier follows.
std::vector<bool> dispensable(const std::vector<RegexToken>& tokens) {
    std::vector<bool> result(tokens.size(), false);
    std::vector<std::pair<std::size_t, bool>> open;  // where a group opens, and whether it has alternatives
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const bool optional =
            i + 1 < tokens.size() && tokens[i + 1].piece == RegexPiece::quantifier && tokens[i + 1].optional;
        if (tokens[i].piece == RegexPiece::open) {
            open.emplace_back(i, false);
        } else if (tokens[i].piece == RegexPiece::alternation && !open.empty()) {
            open.back().second = true;
        } else if (tokens[i].piece == RegexPiece::close && !open.empty()) {
            if (optional || open.back().second)
                std::fill(result.begin() + static_cast<std::ptrdiff_t>(open.back().first),
                          result.begin() + static_cast<std::ptrdiff_t>(i) + 1, true);
            open.pop_back();
        } else if (optional) {
            result[i] = true;
        }
    }
    return result;
}

/// A log may hold anything: what would steer a terminal, or is no UTF-8, is written as \xNN.
std::string escaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        const std::size_t length = byte < 0x80 ? 1 : byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
        bool whole = length > 0 && i + length <= text.size() && byte < 0xF5;
        for (std::size_t k = 1; whole && k < length; ++k)
            whole = (static_cast<unsigned char>(text[i + k]) & 0xC0U) == 0x80;
        const bool steers = byte < 0x20 || byte == 0x7f ||
                            (whole && byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0);
        if (whole && !steers) {
            out.append(text.substr(i, length));
            i += length;
        } else {
            out += fmt::format("\\x{:02x}", byte);
            i += 1;
        }
    }
    return out;
}

std::string quoted_list(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts)
        text += fmt::format("{}'{}'", text.empty() ? "" : ", ", escaped(part));
    return text;
}

std::string number_list(const std::vector<std::int64_t>& numbers) {
    std::string text;
    for (std::size_t i = 0; i < std::min(numbers.size(), kLineNumbersShown); ++i)
        text += fmt::format("{}{}", i == 0 ? "" : ", ", numbers[i]);
    return text + (numbers.size() > kLineNumbersShown ? " ..." : "");
}

void append_nearest(std::string& text, const MetricDryRun& metric) {
    if (!metric.nearest) {
        text += "  no line is similar\n";
        return;
    }
    const NearestLine& near = *metric.nearest;
    text += fmt::format("  nearest line {}: {}\n", near.number, escaped(near.text));
    if (!near.found.empty()) text += fmt::format("    it has {}\n", quoted_list(near.found));
    if (!near.missing.empty())
        text += fmt::format("    it lacks {}\n", quoted_list(near.missing));
    else
        text += "    it has all the plain text of the expression: what stands between or after it differs\n";
}

void append_metric(std::string& text, const MetricDryRun& metric) {
    text += fmt::format("{}: {}\n  regex {}\n", escaped(metric.name),
                        metric.count == 0 ? "no value" : detail::counted(metric.count, "value"),
                        escaped(metric.regex));
    if (metric.count > 0) {
        text += metric.count == 1 ? fmt::format("  {}", *metric.first)
                                  : fmt::format("  first {}, last {}", *metric.first, *metric.last);
        if (metric.least && metric.count > 1)
            text += fmt::format(", least {}, greatest {}", *metric.least, *metric.greatest);
        text += fmt::format("\n  in {} {}\n", metric.lines.size() == 1 ? "line" : "lines",
                            number_list(metric.lines));
    }
    if (metric.unparsable > 0) {
        text += metric.unparsable == 1 ? "  1 capture was no number:"
                                       : fmt::format("  {} captures were no numbers:", metric.unparsable);
        for (const UnparsableCapture& example : metric.unparsable_examples)
            text += fmt::format(" '{}' (line {})", escaped(example.captured), example.line);
        text += '\n';
    }
    if (metric.cut > 0)
        text += fmt::format("  {} took only a part of a number; ([-+0-9.eE]+) takes all of it\n",
                            detail::counted(metric.cut, "capture"));
    if (matched_nowhere(metric)) append_nearest(text, metric);
}

}  // namespace

std::vector<std::string> literal_parts(std::string_view regex) {
    const std::vector<RegexToken> tokens = detail::regex_tokens(regex);
    const std::vector<bool> may_lack = dispensable(tokens);
    std::vector<std::string> parts;
    std::string part;
    const auto end_part = [&] {
        if (!part.empty()) parts.push_back(std::exchange(part, {}));
    };
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const RegexPiece piece = tokens[i].piece;
        const bool groups_only =
            piece == RegexPiece::open || piece == RegexPiece::close || piece == RegexPiece::flags;
        if (!may_lack[i] && groups_only) continue;
        if (may_lack[i] || piece != RegexPiece::literal)
            end_part();
        else
            part += tokens[i].note;
    }
    end_part();
    return parts;
}

DryRun dry_run(std::string_view log, const std::vector<MetricDefinition>& definitions) {
    const RegexMetrics extractor(definitions);
    DryRun run;
    std::vector<detail::NearestSearch> searches;
    for (const MetricDefinition& definition : definitions) {
        MetricDryRun metric;
        metric.name = definition.name;
        metric.regex = definition.regex;
        run.metrics.push_back(std::move(metric));
        searches.emplace_back(definition.regex);
    }
    LineSplitter splitter;
    const LineSplitter::Sink sink = [&](const LogLine& line) {
        ++run.lines;
        for (const MetricMatch& match : extractor.matches(line.text))
            take(run.metrics[match.definition], match, line.number);
        if (std::none_of(run.metrics.begin(), run.metrics.end(), matched_nowhere)) return;
        const std::vector<detail::LineToken> tokens = detail::line_tokens(line.text);
        for (std::size_t i = 0; i < searches.size(); ++i)
            if (matched_nowhere(run.metrics[i])) searches[i].look_at(line, tokens);
    };
    splitter.feed(log, sink);
    splitter.finish(sink);
    run.truncated_lines = splitter.truncated_lines();
    for (std::size_t i = 0; i < searches.size(); ++i)
        if (matched_nowhere(run.metrics[i])) run.metrics[i].nearest = searches[i].best();
    run.warnings = lint(definitions);
    return run;
}

std::string to_string(const DryRun& run) {
    std::string text = detail::counted(run.lines, "line") + " read";
    if (run.truncated_lines > 0)
        text += fmt::format(", {} of them cut since {} too long", run.truncated_lines,
                            run.truncated_lines == 1 ? "it is" : "they are");
    text += '\n';
    for (const MetricDryRun& metric : run.metrics) {
        text += '\n';
        append_metric(text, metric);
        for (const LintWarning& warning : run.warnings)
            if (warning.metric == metric.name)
                text += fmt::format("  warning ({}): {}; {}\n", warning.rule, warning.message,
                                    warning.suggestion);
    }
    return text;
}

}  // namespace attune
