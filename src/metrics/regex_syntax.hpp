#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::detail {

/// What a piece of a regular expression is, as far as hints and clear errors need to know.
enum class RegexPiece : std::uint8_t {
    literal,      ///< one character that stands for itself
    any,          ///< an unescaped dot
    set,          ///< [...] or a class such as \d
    assertion,    ///< ^ $ \b ...
    quantifier,   ///< * + ? {n,m}, with ? where lazy
    alternation,  ///< |
    open,         ///< of a group
    close,        ///< of a group
    flags,        ///< (?i) and the like, which hold nothing
    unsupported,  ///< what no linear-time engine has, or what RE2 lacks; `note` names it
};

struct RegexToken {
    RegexPiece piece = RegexPiece::literal;
    std::size_t begin = 0;  ///< in bytes of the expression
    std::size_t end = 0;
    bool captures = false;  ///< of an opened group
    bool lazy = false;      ///< of a quantifier
    bool optional = false;  ///< of a quantifier that allows nothing at all
    std::string note;       ///< the character of a literal; the name of what is unsupported
};

/// Splits an expression into pieces; never fails, whatever is wrong is left to RE2.
[[nodiscard]] std::vector<RegexToken> regex_tokens(std::string_view regex);

/// The first construct that RE2 lacks, such as "look-ahead (?=...)", if there is one.
[[nodiscard]] std::optional<std::string> unsupported_construct(std::string_view regex);

/// The expression with `(?<name>` written as `(?P<name>` and `\Z` as `\z`, which RE2 understands.
[[nodiscard]] std::string as_re2_writes(std::string_view regex);

/// The part of `tokens` inside the n-th capture group (from 1) as [first, last), `last` being its closing
/// piece.
[[nodiscard]] std::optional<std::pair<std::size_t, std::size_t>> capture_group(
    const std::vector<RegexToken>& tokens, int n);

}  // namespace attune::detail
