#include "command_line.hpp"

#include <fmt/format.h>

#include <utility>

#include "attune/error.hpp"
#include "attune/execute/command.hpp"

namespace attune {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_character(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == ':' || c == '-';
}

/// A placeholder, or plain text before the next one.
struct Piece {
    bool placeholder = false;
    std::string text;
};

// The name in `{name}` at `at`, or nothing if there is none.
std::string_view name_in_braces(std::string_view argument, std::size_t at) {
    std::size_t end = at + 1;
    if (end >= argument.size() || !is_letter(argument[end])) return {};
    while (end < argument.size() && is_name_character(argument[end])) ++end;
    if (end >= argument.size() || argument[end] != '}') return {};
    return argument.substr(at + 1, end - at - 1);
}

std::vector<Piece> pieces_of(std::string_view argument) {
    std::vector<Piece> pieces;
    std::string plain;
    std::size_t at = 0;
    while (at < argument.size()) {
        const std::string_view doubled =
            argument.substr(at).starts_with("{{") ? name_in_braces(argument, at + 1) : std::string_view{};
        if (!doubled.empty() && argument.substr(at + doubled.size() + 3).starts_with("}")) {
            plain.append(argument.substr(at + 1, doubled.size() + 2));
            at += doubled.size() + 4;
            continue;
        }
        const std::string_view name = argument[at] == '{' ? name_in_braces(argument, at) : std::string_view{};
        if (name.empty()) {
            plain += argument[at++];
            continue;
        }
        if (!plain.empty()) pieces.push_back({false, std::exchange(plain, {})});
        pieces.push_back({true, std::string(name)});
        at += name.size() + 2;
    }
    if (!plain.empty()) pieces.push_back({false, std::move(plain)});
    return pieces;
}

const std::optional<std::string>& look_up(const detail::Substitutions& substitutions,
                                          const std::string& name) {
    const auto found = substitutions.find(name);
    if (found != substitutions.end()) return found->second;
    std::string known;
    for (const auto& entry : substitutions) known += (known.empty() ? "" : ", ") + entry.first;
    throw InvalidOption(
        fmt::format("command: the placeholder '{{{}}}' has no value; known are {} (write {{{{{}}}}} for the "
                    "text itself)",
                    name, known, name));
}

class Splitter {
  public:
    explicit Splitter(std::string_view line) : line_(line) {}

    std::vector<std::string> run() {
        for (; at_ < line_.size(); ++at_) step();
        if (quote_ != '\0')
            throw InvalidOption(
                fmt::format("command line '{}': the quote {} is never closed", line_, quote_));
        end_argument();
        if (arguments_.empty()) throw InvalidOption("command line is empty; it must name a program");
        return std::move(arguments_);
    }

  private:
    void step() {
        const char c = line_[at_];
        if (quote_ == '\0' && (c == ' ' || c == '\t' || c == '\n')) return end_argument();
        if (c == quote_) {
            quote_ = '\0';
        } else if (quote_ == '\0' && (c == '"' || c == '\'')) {
            quote_ = c;
            begun_ = true;
        } else if (c == '\\' && quote_ != '\'') {
            backslash();
        } else {
            add(c);
        }
    }
    // Within double quotes a backslash escapes only what would otherwise be special there.
    void backslash() {
        if (at_ + 1 == line_.size())
            throw InvalidOption(
                fmt::format("command line '{}': a backslash at the end escapes nothing", line_));
        const char next = line_[at_ + 1];
        if (quote_ == '"' && std::string_view("\"\\$`\n").find(next) == std::string_view::npos)
            return add('\\');
        ++at_;
        if (next != '\n') add(next);
    }
    void add(char c) {
        argument_ += c;
        begun_ = true;
    }
    void end_argument() {
        if (begun_) arguments_.push_back(std::exchange(argument_, {}));
        begun_ = false;
    }

    std::string_view line_;
    std::size_t at_ = 0;
    char quote_ = '\0';
    bool begun_ = false;  // "" is an argument too
    std::string argument_;
    std::vector<std::string> arguments_;
};

}  // namespace

std::vector<std::string> split_command_line(std::string_view line) { return Splitter(line).run(); }

namespace detail {

std::vector<std::string> placeholders(const std::vector<std::string>& command) {
    std::vector<std::string> names;
    for (const std::string& argument : command)
        for (Piece& piece : pieces_of(argument))
            if (piece.placeholder) names.push_back(std::move(piece.text));
    return names;
}

std::vector<std::string> substitute(const std::vector<std::string>& command,
                                    const Substitutions& substitutions) {
    std::vector<std::string> result;
    bool option_before = false;  // the last one is an option word of the template
    for (const std::string& argument : command) {
        const std::vector<Piece> pieces = pieces_of(argument);
        std::string text;
        bool active = true;
        bool plain = true;
        for (const Piece& piece : pieces) {
            plain = plain && !piece.placeholder;
            const std::optional<std::string> given =
                piece.placeholder ? look_up(substitutions, piece.text) : std::optional(piece.text);
            active = active && given.has_value();
            text += given.value_or("");
        }
        if (!active && pieces.size() == 1 && option_before) result.pop_back();
        option_before = active && plain && !result.empty() && text.starts_with('-');
        if (active) result.push_back(std::move(text));
    }
    return result;
}

std::string command_text(const std::vector<std::string>& arguments) {
    constexpr std::size_t limit = 400;
    constexpr std::string_view special = " \t\n\"'\\$`|&;<>()*?[]#~{}";
    std::string text;
    for (const std::string& argument : arguments) {
        if (!text.empty()) text += ' ';
        if (!argument.empty() && argument.find_first_of(special) == std::string::npos) {
            text += argument;
        } else {
            text += '\'';
            for (const char c : argument) text.append(c == '\'' ? std::string("'\\''") : std::string(1, c));
            text += '\'';
        }
        if (text.size() > limit) return text.substr(0, limit) + " ...";
    }
    return text;
}

}  // namespace detail
}  // namespace attune
