#include "regex_syntax.hpp"

#include <algorithm>
#include <utility>

namespace attune::detail {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Scanner {
  public:
    explicit Scanner(std::string_view regex) : regex_(regex) {}

    std::vector<RegexToken> run() {
        while (at_ < regex_.size()) step();
        return std::move(tokens_);
    }

  private:
    char peek(std::size_t offset = 0) const {
        return at_ + offset < regex_.size() ? regex_[at_ + offset] : '\0';
    }
    bool starts_with(std::string_view text) const { return regex_.substr(at_).starts_with(text); }

    RegexToken& add(RegexPiece piece, std::size_t length) {
        const std::size_t end = std::min(at_ + length, regex_.size());
        tokens_.push_back({.piece = piece, .begin = at_, .end = end, .note = {}});
        at_ = end;
        return tokens_.back();
    }
    void add_unsupported(std::string what, std::size_t length) {
        add(RegexPiece::unsupported, length).note = std::move(what);
    }

    void step() {
        switch (peek()) {
            case '\\':
                escape();
                break;
            case '[':
                set();
                break;
            case '(':
                group();
                break;
            case ')':
                add(RegexPiece::close, 1);
                break;
            case '|':
                add(RegexPiece::alternation, 1);
                break;
            case '.':
                add(RegexPiece::any, 1);
                break;
            case '^':
            case '$':
                add(RegexPiece::assertion, 1);
                break;
            case '*':
            case '+':
            case '?':
                quantifier(1);
                break;
            case '{':
                braces();
                break;
            default:
                literal();
                break;
        }
    }

    // One character with all its UTF-8 bytes.
    void literal() {
        std::size_t length = 1;
        while ((static_cast<unsigned char>(peek(length)) & 0xC0U) == 0x80) ++length;
        RegexToken& token = add(RegexPiece::literal, length);
        token.note = regex_.substr(token.begin, token.end - token.begin);
    }

    void escape() {
        const char c = peek(1);
        constexpr std::string_view control_names = "abfnrtv";
        if (starts_with("\\Q")) return quoted();
        if (c >= '1' && c <= '9') return add_unsupported(std::string("backreference \\") + c, 2);
        if (c == 'k' || c == 'g') return add_unsupported(std::string("backreference \\") + c, 2);
        if (c == 'G' || c == 'K' || c == 'R' || c == 'X')
            return add_unsupported(std::string("escape \\") + c, 2);
        if (std::string_view("dDwWsSC").find(c) != std::string_view::npos) {
            add(RegexPiece::set, 2);
        } else if (c == 'p' || c == 'P') {
            const std::size_t close = peek(2) == '{' ? regex_.find('}', at_) : at_ + 2;
            add(RegexPiece::set, close == std::string_view::npos ? 2 : close + 1 - at_);
        } else if (std::string_view("bBAzZ").find(c) != std::string_view::npos) {
            add(RegexPiece::assertion, 2);
        } else if (control_names.find(c) != std::string_view::npos) {
            constexpr std::string_view values = "\a\b\f\n\r\t\v";
            add(RegexPiece::literal, 2).note = values.substr(control_names.find(c), 1);
        } else if (c == 'x' || c == '0') {
            add(RegexPiece::set, hexadecimal_length());
        } else {
            ++at_;
            if (at_ < regex_.size()) literal();
        }
    }

    std::size_t hexadecimal_length() const {
        if (peek(1) == '0') return 2;
        if (peek(2) == '{') {
            const std::size_t close = regex_.find('}', at_);
            return close == std::string_view::npos ? 3 : close + 1 - at_;
        }
        return 4;
    }

    void quoted() {
        at_ += 2;
        while (at_ < regex_.size() && !starts_with("\\E")) literal();
        at_ = std::min(at_ + 2, regex_.size());
    }

    void set() {
        std::size_t length = 1;
        if (peek(length) == '^') ++length;
        if (peek(length) == ']') ++length;
        while (at_ + length < regex_.size() && peek(length) != ']') {
            if (peek(length) == '\\') ++length;
            if (regex_.substr(at_ + length).starts_with("[:")) {
                const std::size_t close = regex_.find(":]", at_ + length);
                if (close != std::string_view::npos) length = close + 1 - at_;
            }
            ++length;
        }
        add(RegexPiece::set, length + 1);
    }

    void group() {
        struct Kind {
            std::string_view begin, name;
        };
        static constexpr Kind unsupported[] = {
            {"(?=", "look-ahead (?=...)"},         {"(?!", "negative look-ahead (?!...)"},
            {"(?<=", "look-behind (?<=...)"},      {"(?<!", "negative look-behind (?<!...)"},
            {"(?>", "atomic group (?>...)"},       {"(?P=", "backreference (?P=name)"},
            {"(?(", "conditional group (?(...)"},  {"(?#", "comment (?#...)"},
            {"(?|", "branch-reset group (?|...)"}, {"(?R", "recursion (?R)"},
            {"(?&", "recursion (?&name)"},         {"(?P>", "recursion (?P>name)"}};
        for (const Kind& kind : unsupported)
            if (starts_with(kind.begin)) return add_unsupported(std::string(kind.name), kind.begin.size());
        if (starts_with("(?P<") || starts_with("(?<")) {
            const std::size_t close = regex_.find('>', at_);
            add(RegexPiece::open, close == std::string_view::npos ? 3 : close + 1 - at_).captures = true;
        } else if (starts_with("(?")) {
            const std::size_t end = regex_.find_first_of(":)", at_);
            const bool holds = end != std::string_view::npos && regex_[end] == ':';
            add(holds ? RegexPiece::open : RegexPiece::flags,
                end == std::string_view::npos ? regex_.size() - at_ : end + 1 - at_);
        } else {
            add(RegexPiece::open, 1).captures = true;
        }
    }

    void quantifier(std::size_t length) {
        const char first = peek();
        const bool optional = first == '*' || first == '?' || starts_with("{0") || starts_with("{,");
        const char after = peek(length);
        if (after == '+') {
            std::string what = "possessive quantifier " + std::string(regex_.substr(at_, length + 1));
            return add_unsupported(std::move(what), length + 1);
        }
        RegexToken& token = add(RegexPiece::quantifier, length + (after == '?' ? 1 : 0));
        token.lazy = after == '?';
        token.optional = optional;
    }

    // {2}, {2,} and {2,3} repeat; any other brace is a character.
    void braces() {
        std::size_t length = 1;
        while (is_digit(peek(length)) || peek(length) == ',') ++length;
        if (length > 1 && is_digit(peek(1)) && peek(length) == '}')
            quantifier(length + 1);
        else
            literal();
    }

    std::string_view regex_;
    std::size_t at_ = 0;
    std::vector<RegexToken> tokens_;
};

}  // namespace

std::vector<RegexToken> regex_tokens(std::string_view regex) { return Scanner(regex).run(); }

std::optional<std::string> unsupported_construct(std::string_view regex) {
    for (const RegexToken& token : regex_tokens(regex))
        if (token.piece == RegexPiece::unsupported) return token.note;
    return std::nullopt;
}

std::string as_re2_writes(std::string_view regex) {
    std::string result;
    std::size_t copied = 0;
    for (const RegexToken& token : regex_tokens(regex)) {
        const std::string_view piece = regex.substr(token.begin, token.end - token.begin);
        std::string_view instead;
        if (token.piece == RegexPiece::open && piece.starts_with("(?<")) instead = "(?P<";
        if (token.piece == RegexPiece::assertion && piece == "\\Z") instead = "\\z";
        if (instead.empty()) continue;
        result.append(regex.substr(copied, token.begin - copied)).append(instead);
        copied = token.begin + (piece == "\\Z" ? 2 : 3);
    }
    return result.append(regex.substr(copied));
}

std::optional<std::pair<std::size_t, std::size_t>> capture_group(const std::vector<RegexToken>& tokens,
                                                                 int n) {
    int seen = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].piece != RegexPiece::open || !tokens[i].captures || ++seen != n) continue;
        int depth = 1;
        for (std::size_t j = i + 1; j < tokens.size(); ++j) {
            if (tokens[j].piece == RegexPiece::open) ++depth;
            if (tokens[j].piece == RegexPiece::close && --depth == 0) return std::pair{i + 1, j};
        }
        return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace attune::detail
