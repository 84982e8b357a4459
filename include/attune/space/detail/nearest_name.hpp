#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::detail {

/// For comparing what people type: small letters, and '-' as '_'.
inline std::string folded_name(std::string_view name) {
    std::string out(name);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (c == '-') c = '_';
    }
    return out;
}

/// How many letters must be put in, left out, replaced or swapped with their neighbour to make b of a.
inline std::size_t typing_errors(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        now[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(now);
    }
    return last[b.size()];
}

/// The known name that `word` was most likely meant to be, or nothing where none is near: about one typing
/// error in three letters, or a name that begins with the word (of three letters or more).
inline std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& known) {
    const std::string wanted = folded_name(word);
    std::optional<std::string> best;
    std::size_t fewest = std::max<std::size_t>(1, wanted.size() / 3) + 1;
    if (wanted.size() < 2) return best;
    for (const std::string& name : known) {
        const std::string other = folded_name(name);
        const bool begun = wanted.size() >= 3 && other.rfind(wanted, 0) == 0;
        const std::size_t errors = begun ? 1 : typing_errors(wanted, other);
        if (errors < std::min(fewest, std::max(wanted.size(), other.size()))) {
            fewest = errors;
            best = name;
        }
    }
    return best;
}

/// "; did you mean 'median'?" or nothing.
inline std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    const std::optional<std::string> name = nearest_name(word, known);
    return name ? "; did you mean '" + *name + "'?" : std::string{};
}

}  // namespace attune::detail
