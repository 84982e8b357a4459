#include "nearest_line.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "attune/metrics/line_splitter.hpp"
#include "attune/space/detail/nearest_name.hpp"

namespace attune::detail {
namespace {

constexpr std::size_t kBytesLookedAt = 20000;
constexpr std::size_t kTextKept = 500;       // of a line that is shown
constexpr std::size_t kContextBefore = 120;  // of those, before the place in a longer line
constexpr std::size_t kOrdinaryLength = 200;
constexpr std::size_t kSlack = 2;          // words that may stand between those of an expression
constexpr double kLeastSimilarity = 0.35;  // of a line that is worth showing
constexpr double kLeastWord = 0.5;         // of a word that counts as found
constexpr double kWithoutNumber = 0.6;
constexpr double kOutOfOrder = 0.8;
constexpr double kSignsWeight = 0.05;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || is_upper(c) || static_cast<unsigned char>(c) >= 0x80;
}
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t end_of_number(std::string_view line, std::size_t at) {
    std::size_t end = at;
    while (end < line.size()) {
        const char c = line[end];
        const bool exponent_sign = (c == '+' || c == '-') && end > at && lower(line[end - 1]) == 'e';
        const bool exponent = lower(c) == 'e' && end + 1 < line.size() &&
                              (is_digit(line[end + 1]) || line[end + 1] == '-' || line[end + 1] == '+');
        if (!is_digit(c) && c != '.' && !exponent && !exponent_sign) break;
        ++end;
    }
    return end;
}

std::size_t end_of_word(std::string_view line, std::size_t at) {
    std::size_t end = at + 1;
    while (end < line.size() && (is_letter(line[end]) || is_digit(line[end]))) {
        const bool capital_begins = is_upper(line[end]) && !is_upper(line[end - 1]);
        if (capital_begins) break;
        ++end;
    }
    return end;
}

bool is_boundary(std::string_view text, std::size_t at) {
    return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80;
}

// A line for people: whole, or the part of a long one around the place.
std::string shown(std::string_view line, std::size_t place) {
    if (line.size() <= kTextKept) return std::string(line);
    std::size_t begin = place > kContextBefore ? place - kContextBefore : 0;
    begin = std::min(begin, line.size() - kTextKept);
    while (!is_boundary(line, begin)) ++begin;
    std::size_t end = std::min(begin + kTextKept, line.size());
    while (!is_boundary(line, end)) --end;
    return (begin > 0 ? "..." : "") + std::string(line.substr(begin, end - begin)) +
           (end < line.size() ? "..." : "");
}

double length_factor(std::size_t length) {
    if (length <= kOrdinaryLength) return 1;
    return 1 / (1 + 0.25 * std::log2(static_cast<double>(length) / static_cast<double>(kOrdinaryLength)));
}

double weight(const std::string& word) {
    return 1 + static_cast<double>(std::min<std::size_t>(word.size(), 12));
}

double common_pairs(std::string_view a, std::string_view b) {
    if (a.size() < 2 || b.size() < 2) return 0;
    std::size_t common = 0;
    for (std::size_t i = 0; i + 1 < a.size(); ++i)
        if (b.find(a.substr(i, 2)) != std::string_view::npos) ++common;
    return 2.0 * static_cast<double>(common) / static_cast<double>(a.size() + b.size() - 2);
}

}  // namespace

std::vector<LineToken> line_tokens(std::string_view line) {
    line = line.substr(0, kBytesLookedAt);
    std::vector<LineToken> tokens;
    for (std::size_t at = 0; at < line.size();) {
        const bool number =
            is_digit(line[at]) || (line[at] == '.' && at + 1 < line.size() && is_digit(line[at + 1]));
        if (!number && !is_letter(line[at])) {
            ++at;
            continue;
        }
        const std::size_t end = number ? end_of_number(line, at) : end_of_word(line, at);
        LineToken token{std::string(line.substr(at, end - at)), at, number};
        for (char& c : token.text) c = lower(c);
        token.is_number = number || token.text == "nan" || token.text == "inf";
        tokens.push_back(std::move(token));
        at = end;
    }
    return tokens;
}

double word_similarity(std::string_view a, std::string_view b) {
    if (a == b) return 1;
    const std::string_view shorter = a.size() < b.size() ? a : b;
    const std::string_view longer = a.size() < b.size() ? b : a;
    double best = std::min(0.9, common_pairs(shorter, longer));
    if (shorter.size() >= 3 && longer.starts_with(shorter))
        best = std::max(best,
                        0.6 + 0.4 * static_cast<double>(shorter.size()) / static_cast<double>(longer.size()));
    const bool comparable = shorter.size() >= 4 && longer.size() <= 40 && longer.size() - shorter.size() <= 2;
    if (comparable && best < 0.9)
        best = std::max(
            best, 1 - 1.2 * static_cast<double>(typing_errors(a, b)) / static_cast<double>(longer.size()));
    return best;
}

NearestSearch::NearestSearch(std::string_view regex) : parts_(literal_parts(regex)) {
    for (const std::string& part : parts_)
        for (LineToken& token : line_tokens(part))
            if (!token.is_number) words_.push_back(std::move(token.text));
}

// How much of the expression's words stands where they would if `word` of them were the line's word at
// `anchor`.
double NearestSearch::similarity_around(const std::vector<LineToken>& tokens, std::size_t anchor,
                                        std::size_t word) const {
    const std::size_t begin = anchor - std::min(anchor, word + kSlack);
    const std::size_t end = std::min(tokens.size(), anchor + (words_.size() - word) + kSlack + 1);
    double found = 0, whole = 0;
    std::size_t last = begin, furthest = begin;
    bool in_order = true;
    for (const std::string& wanted : words_) {
        double best = 0;
        std::size_t place = begin;
        for (std::size_t i = begin; i < end; ++i) {
            const double similarity = tokens[i].is_number ? 0 : word_similarity(wanted, tokens[i].text);
            const bool better = similarity > best || (similarity == best && place < last && i >= last);
            if (better) place = i, best = similarity;
        }
        whole += weight(wanted);
        if (best < kLeastWord) continue;
        found += best * weight(wanted);
        in_order = in_order && place >= last;
        last = place;
        furthest = std::max(furthest, place);
    }
    const auto after = tokens.begin() + static_cast<std::ptrdiff_t>(furthest);
    const bool number = std::any_of(after, after + std::min<std::ptrdiff_t>(tokens.end() - after, 3),
                                    [](const LineToken& token) { return token.is_number; });
    return found / whole * (number ? 1 : kWithoutNumber) * (in_order ? 1 : kOutOfOrder);
}

NearestSearch::Place NearestSearch::best_place(const std::vector<LineToken>& tokens) const {
    Place best;
    // The longest word says most: only where a line has one like it, or like the first, is there a place to
    // look at.
    const auto longest = static_cast<std::size_t>(
        std::max_element(words_.begin(), words_.end(),
                         [](const std::string& a, const std::string& b) { return a.size() < b.size(); }) -
        words_.begin());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].is_number) continue;
        for (const std::size_t word : {longest, std::size_t{0}}) {
            if (word_similarity(words_[word], tokens[i].text) < kLeastWord) continue;
            const double similarity = similarity_around(tokens, i, word);
            if (similarity > best.similarity) best = {similarity, tokens[i].begin};
            if (longest == 0) break;
        }
    }
    return best;
}

// Signs and capitals, of which words know nothing, decide between lines with the same words.
double NearestSearch::pairs_in(std::string_view text) const {
    std::size_t pairs = 0, found = 0;
    for (const std::string& part : parts_)
        for (std::size_t i = 0; i + 1 < part.size(); ++i, ++pairs)
            if (text.find(std::string_view(part).substr(i, 2)) != std::string_view::npos) ++found;
    return pairs == 0 ? 0 : static_cast<double>(found) / static_cast<double>(pairs);
}

void NearestSearch::look_at(const LogLine& line, const std::vector<LineToken>& tokens) {
    if (words_.empty()) return;
    const Place place = best_place(tokens);
    const double words = place.similarity * length_factor(line.text.size());
    if (words < kLeastSimilarity || (best_ && words <= best_->similarity - kSignsWeight)) return;
    std::string text = shown(line.text, place.begin);
    const double similarity = (1 - kSignsWeight) * words + kSignsWeight * pairs_in(text);
    if (best_ && similarity <= best_->similarity) return;
    best_ = NearestLine{
        .number = line.number, .text = std::move(text), .similarity = similarity, .missing = {}, .found = {}};
    for (const std::string& part : parts_)
        (line.text.find(part) == std::string_view::npos ? best_->missing : best_->found).push_back(part);
}

}  // namespace attune::detail
