#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "attune/metrics/number.hpp"
#include "attune/metrics/regex_metrics.hpp"
#include "compiled_regex.hpp"
#include "regex_syntax.hpp"

namespace attune {
namespace {

using detail::RegexPiece;
using detail::RegexToken;
using Tokens = std::vector<RegexToken>;

constexpr const char* kNumber = "[-+0-9.eE]+";

struct Group {
    std::size_t first = 0;  ///< token after the opening one
    std::size_t last = 0;   ///< the closing token
};

std::string_view text(std::string_view regex, const Tokens& tokens, std::size_t first, std::size_t last) {
    if (first >= last) return {};
    return regex.substr(tokens[first].begin, tokens[last - 1].end - tokens[first].begin);
}

bool is_quantifier(const Tokens& tokens, std::size_t i) {
    return i < tokens.size() && tokens[i].piece == RegexPiece::quantifier;
}

// Whether every piece from `i` on may be absent, so that nothing holds what stands before it in place.
bool may_be_absent(const Tokens& tokens, std::size_t i) {
    for (; i < tokens.size(); ++i) {
        const RegexPiece piece = tokens[i].piece;
        if (piece == RegexPiece::assertion || piece == RegexPiece::alternation) return false;
        const bool needed = piece == RegexPiece::literal || piece == RegexPiece::any ||
                            piece == RegexPiece::set || piece == RegexPiece::open;
        if (needed && !(is_quantifier(tokens, i + 1) && tokens[i + 1].optional)) return false;
    }
    return true;
}

void lint_lazy_tail(std::string_view regex, const Tokens& tokens, Group group,
                    std::vector<LintWarning>& out) {
    if (group.last == group.first) return;
    const RegexToken& tail = tokens[group.last - 1];
    if (tail.piece != RegexPiece::quantifier || !tail.lazy || !may_be_absent(tokens, group.last + 1)) return;
    const std::string captured = fmt::format("({})", text(regex, tokens, group.first, group.last));
    out.push_back(
        {{},
         "lazy-tail",
         captured +
             " is lazy and nothing after it must match, so it captures as little as it may, mostly nothing",
         std::string("write (") + kNumber + ") instead, or put what follows the number after the group"});
}

void lint_greedy_group(std::string_view regex, const Tokens& tokens, Group group,
                       std::vector<LintWarning>& out) {
    for (std::size_t i = group.first; i + 1 < group.last; ++i) {
        if (tokens[i].piece != RegexPiece::any || !is_quantifier(tokens, i + 1) || tokens[i + 1].lazy)
            continue;
        if (text(regex, tokens, i + 1, i + 2) == "?") continue;
        out.push_back({{},
                       "greedy-group",
                       fmt::format("({}) takes as much as it can and runs over other metrics of the line",
                                   text(regex, tokens, group.first, group.last)),
                       std::string("write (") + kNumber + ") instead"});
        return;
    }
}

void lint_dots(std::string_view regex, const Tokens& tokens, std::vector<LintWarning>& out) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].piece != RegexPiece::any || is_quantifier(tokens, i + 1)) continue;
        const std::size_t begin = tokens[i].begin - std::min<std::size_t>(tokens[i].begin, 10);
        out.push_back({{},
                       "unescaped-dot",
                       "the dot after '" + std::string(regex.substr(begin, tokens[i].begin - begin)) +
                           "' matches any character",
                       "write \\. for a point"});
        return;
    }
}

// A group of plain words holds the metric's name, most likely, where its value was meant.
void lint_words(std::string_view regex, const Tokens& tokens, Group group, std::vector<LintWarning>& out) {
    std::string word;
    bool any_number = false;
    const auto end_word = [&] { any_number = any_number || parse_number(word).has_value(); };
    for (std::size_t i = group.first; i < group.last; ++i) {
        if (tokens[i].piece == RegexPiece::alternation) {
            end_word();
            word.clear();
        } else if (tokens[i].piece == RegexPiece::literal) {
            word += tokens[i].note;
        } else {
            return;
        }
    }
    end_word();
    if (any_number) return;
    out.push_back({{},
                   "never-a-number",
                   "the group '" + std::string(text(regex, tokens, group.first, group.last)) +
                       "' can never hold a number",
                   "put the parentheses around the number that follows; write (?:...) to group words"});
}

void lint_expression(const MetricDefinition& definition, int group_number, std::vector<LintWarning>& out) {
    const std::string_view regex = definition.regex;
    const Tokens tokens = detail::regex_tokens(regex);
    lint_dots(regex, tokens, out);
    const auto bounds = detail::capture_group(tokens, group_number);
    if (!bounds) return;
    const Group group{bounds->first, bounds->second};
    lint_lazy_tail(regex, tokens, group, out);
    lint_greedy_group(regex, tokens, group, out);
    lint_words(regex, tokens, group, out);
}

}  // namespace

std::vector<LintWarning> lint(const std::vector<MetricDefinition>& definitions) {
    std::vector<LintWarning> warnings;
    for (const MetricDefinition& definition : definitions) {
        detail::CompiledRegex compiled;
        detail::DefinitionFault fault;
        const std::size_t first = warnings.size();
        detail::try_compile(definition, compiled, fault);
        if (compiled.re)
            lint_expression(definition, compiled.group, warnings);
        else
            warnings.push_back({{}, fault.rule, fault.message, fault.suggestion});
        for (std::size_t i = first; i < warnings.size(); ++i) warnings[i].metric = definition.name;
    }
    return warnings;
}

}  // namespace attune
