#include "attune/metrics/regex_metrics.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "attune/error.hpp"
#include "attune/metrics/number.hpp"
#include "compiled_regex.hpp"

namespace attune {

void RegexMetricsOptions::validate() const {
    if (max_matches_per_line == 0) throw InvalidOption("max_matches_per_line is 0; it must be 1 or more");
}

struct RegexMetrics::Compiled {
    std::vector<MetricDefinition> definitions;
    std::vector<detail::CompiledRegex> regexes;
};

namespace {

std::string_view view(const re2::StringPiece& piece) { return {piece.data(), piece.size()}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t next_character(std::string_view text, std::size_t at) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80) ++at;
    return at;
}

// One past the digits that stand at `at`; a number's length is bounded here, so that this stays constant
// work.
std::size_t after_digits(std::string_view line, std::size_t at) {
    const std::size_t limit = std::min(line.size(), at + 32);
    while (at < limit && is_digit(line[at])) ++at;
    return at;
}

// Where a number that ends at `end` would go on with more digits, a fraction or an exponent: the place after
// that.
std::size_t number_end(std::string_view line, std::string_view captured, std::size_t end) {
    end = after_digits(line, end);
    const bool has_exponent = captured.find_first_of("eE") != std::string_view::npos;
    const bool has_point = has_exponent || captured.find('.') != std::string_view::npos;
    if (!has_point && end < line.size() && line[end] == '.') {
        const std::size_t fraction = after_digits(line, end + 1);
        if (fraction > end + 1) end = fraction;
    }
    if (has_exponent || end >= line.size() || (line[end] != 'e' && line[end] != 'E')) return end;
    std::size_t digits = end + 1;
    if (digits < line.size() && (line[digits] == '+' || line[digits] == '-')) ++digits;
    const std::size_t exponent = after_digits(line, digits);
    return exponent > digits ? exponent : end;
}

// The number in the line that the capture is only a part of, or nothing: cut before its exponent, after its
// sign, or between digits. A dash after a letter or digit joins words ("epoch-3"), and is no sign.
std::string_view whole_number(std::string_view line, std::string_view captured) {
    if (captured.empty() || !(is_digit(captured.back()) || captured.back() == '.')) return {};
    const std::size_t begin = static_cast<std::size_t>(captured.data() - line.data());
    const std::size_t end = number_end(line, captured, begin + captured.size());
    const bool sign_before =
        begin > 0 && line[begin - 1] == '-' && (is_digit(captured.front()) || captured.front() == '.') &&
        (begin == 1 || std::string_view(" \t=:,;([<>").find(line[begin - 2]) != std::string_view::npos);
    const std::size_t first = sign_before ? begin - 1 : begin;
    return first == begin && end == begin + captured.size() ? std::string_view{}
                                                            : line.substr(first, end - first);
}

std::string shortened(std::string_view text) {
    constexpr std::size_t limit = 80;
    std::size_t end = 0;
    for (std::size_t n = 0; n < limit && end < text.size(); ++n) end = next_character(text, end);
    return std::string(text.substr(0, end)) + (end < text.size() ? "..." : "");
}

MetricMatch describe(const detail::CompiledRegex& regex, const MetricDefinition& definition,
                     std::string_view line, std::string_view whole, const re2::StringPiece& group) {
    MetricMatch match{.definition = regex.definition};
    match.begin = static_cast<std::size_t>(whole.data() - line.data());
    match.end = match.begin + whole.size();
    if (group.data() != nullptr) {
        match.captured = view(group);
        match.value = parse_number(*match.captured, definition.thousands_commas);
        match.cut = match.value.has_value() && !whole_number(line, *match.captured).empty();
    }
    return match;
}

}  // namespace

RegexMetrics::RegexMetrics(std::vector<MetricDefinition> definitions, RegexMetricsOptions options)
    : options_(options) {
    options_.validate();
    auto compiled = std::make_shared<Compiled>();
    for (std::size_t i = 0; i < definitions.size(); ++i) {
        compiled->regexes.push_back(detail::compile(definitions[i]));
        compiled->regexes.back().definition = i;
    }
    counts_.resize(definitions.size());
    compiled->definitions = std::move(definitions);
    compiled_ = std::move(compiled);
}

const std::vector<MetricDefinition>& RegexMetrics::definitions() const noexcept {
    return compiled_->definitions;
}

std::vector<MetricMatch> RegexMetrics::find(std::string_view line, std::int64_t& left_out) const {
    std::vector<MetricMatch> found;
    std::vector<re2::StringPiece> groups;
    const re2::StringPiece text(line.data(), line.size());
    for (const detail::CompiledRegex& regex : compiled_->regexes) {
        const MetricDefinition& definition = compiled_->definitions[regex.definition];
        groups.assign(static_cast<std::size_t>(regex.group) + 1, re2::StringPiece());
        std::size_t at = 0;
        std::size_t count = 0;
        while (at <= line.size() && regex.re->Match(text, at, line.size(), RE2::UNANCHORED, groups.data(),
                                                    static_cast<int>(groups.size()))) {
            if (count++ == options_.max_matches_per_line) {
                ++left_out;
                break;
            }
            const std::string_view whole = view(groups.front());
            found.push_back(describe(regex, definition, line, whole, groups.back()));
            at = whole.empty() ? next_character(line, found.back().end) : found.back().end;
        }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const MetricMatch& a, const MetricMatch& b) { return a.begin < b.begin; });
    return found;
}

std::vector<MetricMatch> RegexMetrics::matches(std::string_view line) const {
    std::int64_t ignored = 0;
    return find(line, ignored);
}

std::vector<MetricValue> RegexMetrics::extract(std::string_view line) {
    std::vector<MetricValue> values;
    for (const MetricMatch& match : find(line, lines_cut_short_)) {
        count(line, match);
        if (match.value) values.push_back({compiled_->definitions[match.definition].name, *match.value, {}});
    }
    return values;
}

void RegexMetrics::count(std::string_view line, const MetricMatch& match) {
    CaptureCounts& counts = counts_[match.definition];
    if (!match.value && counts.unparsable++ == 0)
        counts.first_unparsable = match.captured ? shortened(*match.captured) : "";
    if (match.cut && counts.cut++ == 0) counts.first_cut = shortened(whole_number(line, *match.captured));
}

std::vector<std::string> RegexMetrics::problems() const {
    std::vector<std::string> sentences;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        const std::string metric = "metric '" + compiled_->definitions[i].name + "'";
        const CaptureCounts& counts = counts_[i];
        if (counts.unparsable > 0)
            sentences.push_back(metric + ": " +
                                (counts.unparsable == 1 ? "1 capture was no number: '"
                                                        : std::to_string(counts.unparsable) +
                                                              " captures were no numbers, the first '") +
                                counts.first_unparsable + "'");
        if (counts.cut > 0)
            sentences.push_back(metric + ": " +
                                (counts.cut == 1
                                     ? "1 capture was a part of the longer number '"
                                     : std::to_string(counts.cut) +
                                           " captures were parts of longer numbers, the first of '") +
                                counts.first_cut + "'; ([-+0-9.eE]+) takes all of it");
    }
    if (lines_cut_short_ > 0)
        sentences.push_back((lines_cut_short_ == 1 ? "once" : std::to_string(lines_cut_short_) + " times") +
                            " a line had more than " + std::to_string(options_.max_matches_per_line) +
                            " matches of one metric; the rest was left out");
    return sentences;
}

}  // namespace attune
