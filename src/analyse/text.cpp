#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <ctime>

#include "attune/analyse/report.hpp"

namespace attune::detail {
namespace {

constexpr char32_t bad = 0xFFFFFFFF;
constexpr std::string_view replacement = "\xEF\xBF\xBD";

struct Decoded {
    char32_t code = bad;
    std::size_t bytes = 1;
};

/// The character at the start of a text that is not empty; `bad` and one byte where it is no valid UTF-8.
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
    char32_t code = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0U) != 0x80) return {};
        code = (code << 6U) | (byte(i) & 0x3FU);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
    return {code, length};
}

struct Range {
    char32_t first, last;
};

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t code) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](Range r) { return code >= r.first && code <= r.last; });
}

/// Characters that steer a terminal or the direction of text instead of showing something.
bool steers(char32_t code) {
    constexpr std::array<Range, 6> ranges{
        {{0, 0x1F}, {0x7F, 0x9F}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFFF9, 0xFFFB}}};
    return in(ranges, code);
}

std::size_t width_of(char32_t code) {
    constexpr std::array<Range, 8> none{{{0x300, 0x36F},
                                         {0x483, 0x489},
                                         {0x591, 0x5BD},
                                         {0x200B, 0x200D},
                                         {0x1AB0, 0x1AFF},
                                         {0x20D0, 0x20FF},
                                         {0xFE00, 0xFE0F},
                                         {0xFE20, 0xFE2F}}};
    constexpr std::array<Range, 9> wide{{{0x1100, 0x115F},
                                         {0x2E80, 0x303E},
                                         {0x3041, 0xA4CF},
                                         {0xAC00, 0xD7A3},
                                         {0xF900, 0xFAFF},
                                         {0xFE30, 0xFE6F},
                                         {0xFF00, 0xFF60},
                                         {0x1F300, 0x1FAFF},
                                         {0x20000, 0x3FFFD}}};
    return in(none, code) ? 0 : in(wide, code) ? 2 : 1;
}

template <class Keep>
std::string replace_unless(std::string_view text, Keep keep) {
    std::string out;
    while (!text.empty()) {
        const Decoded next = decode(text);
        out += keep(next.code) ? text.substr(0, next.bytes) : replacement;
        text.remove_prefix(next.bytes);
    }
    return out;
}

}  // namespace

std::string printable(std::string_view text) {
    return replace_unless(text, [](char32_t code) { return code != bad && !steers(code); });
}

std::string valid_utf8(std::string_view text) {
    return replace_unless(text, [](char32_t code) { return code != bad; });
}

std::size_t columns(std::string_view text) {
    std::size_t sum = 0;
    while (!text.empty()) {
        const Decoded next = decode(text);
        sum += width_of(next.code);
        text.remove_prefix(next.bytes);
    }
    return sum;
}

std::string cut(std::string_view text, std::size_t width) {
    const std::string clean = printable(text);
    if (columns(clean) <= width) return clean;
    const std::size_t dots = std::min<std::size_t>(width, 3);
    std::string out;
    std::size_t used = 0;
    for (std::string_view rest = clean; !rest.empty();) {
        const Decoded next = decode(rest);
        if (used + width_of(next.code) > width - dots) break;
        used += width_of(next.code);
        out += rest.substr(0, next.bytes);
        rest.remove_prefix(next.bytes);
    }
    return out + std::string(dots, '.');
}

std::string pad_right(std::string text, std::size_t width) {
    const std::size_t used = columns(text);
    return std::move(text) + std::string(used < width ? width - used : 0, ' ');
}

std::string pad_left(std::string text, std::size_t width) {
    const std::size_t used = columns(text);
    return std::string(used < width ? width - used : 0, ' ') + std::move(text);
}

std::string short_number(double number, int digits) {
    return std::isfinite(number) ? fmt::format("{:.{}g}", number, digits) : to_string(number);
}

std::string short_value(const Value& value) {
    const auto* number = std::get_if<double>(&value);
    return number != nullptr ? short_number(*number) : to_string(value);
}

std::string breakable_html(const std::string& name) {
    std::string text;
    std::string_view rest = name;
    for (std::size_t end = 0; !rest.empty(); rest.remove_prefix(end)) {
        const std::size_t at = rest.find_first_of("_.-/");
        end = at == std::string_view::npos ? rest.size() : at + 1;
        text += escape_html(valid_utf8(std::string(rest.substr(0, end))));
        if (at != std::string_view::npos) text += "<wbr>";
    }
    return text;
}

std::string date_and_time(double seconds_since_1970) {
    constexpr double first = 5e8, last = 2.5e11;  // the years 1985 to 9892
    if (!(seconds_since_1970 > first && seconds_since_1970 < last)) return "";
    const auto whole = static_cast<std::time_t>(seconds_since_1970);
    std::tm parts{};
    if (::gmtime_r(&whole, &parts) == nullptr) return "";
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       parts.tm_hour, parts.tm_min);
}

std::string short_duration(double seconds) {
    if (!std::isfinite(seconds)) return "-";
    seconds = std::max(seconds, 0.0);
    if (seconds > 0 && seconds < 0.095) return fmt::format("{:.2g}s", seconds);
    if (seconds < 9.95) return fmt::format("{:.1f}s", seconds);
    if (seconds > 1e12) return "-";
    const auto whole = static_cast<std::int64_t>(std::llround(seconds));
    if (whole < 60) return fmt::format("{}s", whole);
    if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
    if (whole < 86400) return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
    return fmt::format("{}d {:02}h", whole / 86400, whole % 86400 / 3600);
}

}  // namespace attune::detail
