#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "attune/analyse/progress_line.hpp"
#include "attune/space/value.hpp"

namespace attune::program {

namespace {

std::string value_text(const Value& value) {
    const auto* number = std::get_if<double>(&value);
    return number != nullptr ? short_number(*number) : first_line(to_string(value));
}

}  // namespace

std::string short_number(double number) { return fmt::format("{:.6g}", number); }

std::string metrics_text(const Metrics& metrics) {
    std::string text;
    for (const auto& [name, value] : metrics)
        text += (text.empty() ? "" : " ") + first_line(name) + "=" + short_number(value);
    return text;
}

std::string values_text(const event::Values& values) {
    std::string text;
    for (const auto& [name, value] : values)
        text += (text.empty() ? "" : " ") + first_line(name) + "=" + value_text(value);
    return text;
}

std::string duration_text(double seconds) {
    if (seconds < 10) return fmt::format("{:.1f} s", seconds);
    if (seconds < 120) return fmt::format("{:.0f} s", seconds);
    return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

std::string first_line(std::string_view text) {
    std::string line(text.substr(0, text.find('\n')));
    for (std::size_t i = 0; i < line.size(); ++i) {
        const auto byte = static_cast<unsigned char>(line[i]);
        const auto next = static_cast<unsigned char>(i + 1 < line.size() ? line[i + 1] : 0);
        if (byte == '\t')
            line[i] = ' ';
        else if (byte < 0x20 || byte == 0x7f)
            line[i] = '?';
        else if (byte == 0xc2 && next >= 0x80 && next < 0xa0)  // control characters beyond ASCII
            line[i] = line[i + 1] = '?';
    }
    return line;
}

std::vector<std::string> printable_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        lines.push_back(first_line(text));
        const auto end = text.find('\n');
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
    std::string out;
    std::string_view rest = text;
    for (std::size_t taken = 0; width > indent + 10 && rest.size() > width - taken; taken = indent) {
        const std::size_t room = width - taken;
        const auto space = rest.rfind(' ', room);
        std::size_t end = space == std::string_view::npos || space < room / 2 ? room : space;
        while (end > 1 && (static_cast<unsigned char>(rest[end]) & 0xC0U) == 0x80)
            --end;  // inside a character
        out.append(rest.substr(0, end)).append("\n").append(indent, ' ');
        rest.remove_prefix(end == space ? end + 1 : end);
    }
    return out.append(rest).append("\n");
}

std::size_t wrap_width(int descriptor) {
    return is_terminal(descriptor) ? static_cast<std::size_t>(std::max(20, terminal_width(descriptor))) : 0;
}

std::string command_text(const std::vector<std::string>& arguments) {
    std::string text;
    for (const std::string& argument : arguments) {
        const bool plain =
            !argument.empty() && argument.find_first_of(" \t\n\"'\\$`|&;<>()*?[]#~") == std::string::npos;
        text += text.empty() ? "" : " ";
        if (plain) {
            text += argument;
            continue;
        }
        text += '\'';
        for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
        text += '\'';
    }
    return first_line(text);
}

}  // namespace attune::program
