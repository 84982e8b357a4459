#include "attune/metrics/number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace attune {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view text, std::string_view word) {
    return text.size() == word.size() &&
           std::equal(text.begin(), text.end(), word.begin(), [](char a, char b) { return lower(a) == b; });
}

// Digits, an optional point and an optional exponent, and nothing else: from_chars alone would take
// "infinity(1" and the like.
bool is_decimal(std::string_view text) {
    std::size_t at = 0;
    std::size_t digits = 0;
    const auto skip_digits = [&] {
        const std::size_t begin = at;
        while (at < text.size() && is_digit(text[at])) ++at;
        return at - begin;
    };
    digits += skip_digits();
    if (at < text.size() && text[at] == '.') {
        ++at;
        digits += skip_digits();
    }
    if (digits == 0) return false;
    if (at < text.size() && lower(text[at]) == 'e') {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
        if (skip_digits() == 0) return false;
    }
    return at == text.size();
}

// Whether a decimal out of double's range is too large rather than too small, by the place of its first digit
// that is not zero.
bool is_beyond_largest(std::string_view text) {
    const std::size_t e = text.find_first_of("eE");
    const std::string_view mantissa = text.substr(0, e);
    bool negative_exponent = false;
    double exponent = 0;
    if (e != std::string_view::npos)
        for (const char c : text.substr(e + 1)) {
            if (c == '-') negative_exponent = true;
            if (is_digit(c)) exponent = exponent * 10 + (c - '0');
        }
    if (negative_exponent) exponent = -exponent;
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const std::size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos) return false;
    return exponent + static_cast<double>(point) - static_cast<double>(first) > 0;
}

std::optional<std::string> without_commas(std::string_view text) {
    const std::size_t whole = std::min(text.find_first_of(".eE"), text.size());
    std::string digits;
    for (std::size_t i = 0; i < whole; ++i) {
        const bool group_begins = (whole - i) % 4 == 0;
        if (group_begins != (text[i] == ',')) return std::nullopt;
        if (!group_begins) digits += text[i];
    }
    if (whole % 4 == 0) return std::nullopt;
    return digits.append(text.substr(whole));
}

std::optional<double> parse_magnitude(std::string_view text) {
    if (equal_ignoring_case(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
    if (equal_ignoring_case(text, "inf") || equal_ignoring_case(text, "infinity"))
        return std::numeric_limits<double>::infinity();
    if (!is_decimal(text)) return std::nullopt;
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec == std::errc::result_out_of_range)
        return is_beyond_largest(text) ? std::numeric_limits<double>::infinity() : 0.0;
    return value;
}

}  // namespace

std::optional<double> parse_number(std::string_view text, bool commas) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    const bool negative = !text.empty() && text.front() == '-';
    if (!text.empty() && (negative || text.front() == '+')) text.remove_prefix(1);
    if (text.empty()) return std::nullopt;

    std::optional<double> magnitude;
    if (commas && text.find(',') != std::string_view::npos) {
        const auto digits = without_commas(text);
        if (digits) magnitude = parse_magnitude(*digits);
    } else {
        magnitude = parse_magnitude(text);
    }
    if (!magnitude) return std::nullopt;
    return negative ? -*magnitude : *magnitude;
}

}  // namespace attune
