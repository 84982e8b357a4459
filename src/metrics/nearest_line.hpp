#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attune/metrics/dry_run.hpp"
#include "attune/metrics/line_splitter.hpp"

namespace attune::detail {

/// A word or a number of a line, with where it begins.
struct LineToken {
    std::string text;  ///< in small letters
    std::size_t begin = 0;
    bool is_number = false;
};

/// Words (split at '_' and where capitals begin, as in valAccuracy) and numbers, in order. Looks at no more
/// than the line's first 20,000 bytes.
[[nodiscard]] std::vector<LineToken> line_tokens(std::string_view line);

/// How alike two words are, 0 to 1: the same, one the beginning of the other, few typing errors, many common
/// pairs of letters.
[[nodiscard]] double word_similarity(std::string_view a, std::string_view b);

/// Finds the line that an expression was most likely meant for: one that has words like its own, close
/// together, in their order and with a number after them. Long lines count less, since they have a little of
/// everything.
class NearestSearch {
  public:
    explicit NearestSearch(std::string_view regex);

    /// `tokens` are those of the line.
    void look_at(const LogLine& line, const std::vector<LineToken>& tokens);
    [[nodiscard]] const std::optional<NearestLine>& best() const { return best_; }

  private:
    struct Place {
        double similarity = 0;
        std::size_t begin = 0;
    };
    [[nodiscard]] Place best_place(const std::vector<LineToken>& tokens) const;
    [[nodiscard]] double similarity_around(const std::vector<LineToken>& tokens, std::size_t anchor,
                                           std::size_t word) const;

    [[nodiscard]] double pairs_in(std::string_view text) const;

    std::vector<std::string> parts_, words_;
    std::optional<NearestLine> best_;
};

}  // namespace attune::detail
